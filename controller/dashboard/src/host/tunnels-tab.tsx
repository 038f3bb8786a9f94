/** The effective tunnels of the host: of its segments' meshes, and explicit ones. */

import { Card, CardBody, CardHeader, CardTitle, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { SearchInput, Stack, StackItem } from "@patternfly/react-core";
import { useState } from "react";
import type { EffectiveTunnel } from "../api/documents";
import { useTunnelTable } from "../api/host-queries";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { useSettled } from "../edit/queries";
import { ObjectLink } from "../kinds/object-link";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import { ChartButton } from "./chart-button";
import { useCharting, type Charting } from "./charting";
import { CurrentRate } from "./current-rate";
import { ChosenRates } from "./host-rates";
import { labelOfTunnel, subjectOfTunnel } from "./subjects";
import type { HostTabProps } from "./tabs";

const BACKENDS = { ovs: "Open vSwitch", kernel: "kernel" } as const;
const PAUSE_MS = 200;

export function TunnelsTab({ host }: HostTabProps) {
  const { name } = host.metadata;
  const { get } = useUrlState();
  const q = useSettled(get("q"), PAUSE_MS);
  // A page is of the words that it was asked for with.
  const query = useTunnelTable(name, q, q === get("q") ? get("page") : "");
  const charting = useCharting(name);
  return (
    <Stack hasGutter>
      <ChosenRates host={name} />
      <StackItem>
        <Card component="section" aria-labelledby="tunnels-title">
          <CardHeader
            hasWrap
            actions={{
              hasNoOffset: true,
              actions: <Words />,
            }}
          >
            <CardTitle component="h2" id="tunnels-title">
              Tunnels
              {query.data && <span className="count">{query.data.total}</span>}
            </CardTitle>
          </CardHeader>
          <CardBody>
            <ServerTable
              label="Tunnels"
              query={query}
              columns={columnsFor(charting)}
              keyOf={({ id, remote_ip, local_ip }) => `${id} ${local_ip} ${remote_ip}`}
              rowClass={(tunnel) => (charting.isChosen(subjectOfTunnel(tunnel)) ? "row-chosen" : undefined)}
              empty={q.trim() ? <p className="muted">No tunnel matches “{q}”.</p> : <NoneYet />}
            />
          </CardBody>
        </Card>
      </StackItem>
    </Stack>
  );
}

function Words() {
  const { get, put } = useUrlState();
  const asked = get("q");
  const [typed, setTyped] = useState(asked);
  // "Back" changes the address under what was typed.
  const [before, setBefore] = useState(asked);
  if (before !== asked) {
    setBefore(asked);
    setTyped(asked);
  }
  const ask = (words: string) => {
    setTyped(words);
    put({ q: words, page: null });
  };
  return (
    <SearchInput
      aria-label="Filter tunnels"
      placeholder="Name, remote, VNI, phase"
      value={typed}
      onChange={(_, words) => ask(words)}
      onClear={() => ask("")}
    />
  );
}

function NoneYet() {
  return (
    <EmptyState headingLevel="h3" titleText="No tunnels" variant="sm">
      <EmptyStateBody>
        A tunnel comes by itself as soon as a segment has ports here and on another host, or from a
        Tunnel in a manifest.
      </EmptyStateBody>
    </EmptyState>
  );
}

function columnsFor(charting: Charting): ServerColumn<EffectiveTunnel>[] {
  return [
    { title: "Tunnel", cell: (tunnel) => <Name tunnel={tunnel} charting={charting} /> },
    { title: "Remote", cell: (tunnel) => <Remote tunnel={tunnel} /> },
    { title: "VNI", cell: ({ vni }) => vni, className: "number" },
    { title: "UDP port", cell: ({ dst_port }) => dst_port, className: "number" },
    {
      title: "Backend",
      cell: ({ backend, bridge }) => (
        <>
          <span className="nowrap">{BACKENDS[backend]}</span> <div className="muted detail mono">{bridge}</div>
        </>
      ),
    },
    {
      title: "Rate",
      cell: (tunnel) => (
        <>
          <CurrentRate rate={charting.rates?.get(subjectOfTunnel(tunnel))} />
          {tunnel.backend === "kernel" && <div className="muted detail">to all remotes</div>}
        </>
      ),
      className: "rate-cell",
    },
    { title: "Status", cell: (tunnel) => <Status tunnel={tunnel} />, className: "reason-cell" },
  ];
}

function Name({ tunnel, charting }: { tunnel: EffectiveTunnel; charting: Charting }) {
  return (
    <div>
      <ChartButton label={labelOfTunnel(tunnel)} subject={subjectOfTunnel(tunnel)} charting={charting} />
      <div className="muted detail">
        {tunnel.kind === "mesh" ? (
          <>
            mesh of <ObjectLink kind="Segment" name={tunnel.segment ?? tunnel.name} project={tunnel.project} />
          </>
        ) : (
          <>
            explicit <ObjectLink kind="Tunnel" name={tunnel.name} />
          </>
        )}
      </div>
    </div>
  );
}

function Remote({ tunnel: { remote_host: host, remote_ip: ip } }: { tunnel: EffectiveTunnel }) {
  return (
    <div>
      {host ? <ObjectLink kind="Host" name={host} /> : "outside VTEP"}
      <div className="muted detail mono">{ip}</div>
    </div>
  );
}

function Status({ tunnel: { phase, reason, message } }: { tunnel: EffectiveTunnel }) {
  return (
    <div className="status-cell">
      <PhaseLabel phase={phase} />
      {phase !== "Ready" && (
        <span>
          <span className="reason">{reason}</span>{" "}
          <span className="muted">
            <Message text={message} />
          </span>
        </span>
      )}
    </div>
  );
}
