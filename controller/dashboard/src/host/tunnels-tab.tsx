/** The effective tunnels of the host: of its segments' meshes, and explicit ones. */

import { Card, CardBody, CardHeader, CardTitle, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { SearchInput, Stack, StackItem } from "@patternfly/react-core";
import { useState } from "react";
import type { EffectiveTunnel } from "../api/documents";
import { useEffectiveTunnels } from "../api/host-queries";
import { type Column, PagedTable } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
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

export function TunnelsTab({ host }: HostTabProps) {
  const { name } = host.metadata;
  const query = useEffectiveTunnels(name);
  const charting = useCharting(name);
  const { get, put } = useUrlState();
  const wanted = get("q").toLowerCase();
  const [typed, setTyped] = useState(get("q"));
  return (
    <Stack hasGutter>
      <ChosenRates host={name} />
      <StackItem>
        <Card component="section" aria-labelledby="tunnels-title">
          <CardHeader
            hasWrap
            actions={{
              hasNoOffset: true,
              actions: (
                <SearchInput
                  aria-label="Filter tunnels"
                  placeholder="Name, remote, VNI, phase"
                  value={typed}
                  onChange={(_, value) => {
                    setTyped(value);
                    put({ q: value });
                  }}
                  onClear={() => {
                    setTyped("");
                    put({ q: null });
                  }}
                />
              ),
            }}
          >
            <CardTitle component="h2" id="tunnels-title">
              Tunnels
              {query.data && <span className="count">{query.data.length}</span>}
            </CardTitle>
          </CardHeader>
          <CardBody>
            <QueryState title="Tunnels" query={query}>
              {(tunnels) => (
                <Found
                  tunnels={tunnels.filter((tunnel) => textOf(tunnel).includes(wanted))}
                  isNoneAtAll={tunnels.length === 0}
                  wanted={get("q")}
                  charting={charting}
                />
              )}
            </QueryState>
          </CardBody>
        </Card>
      </StackItem>
    </Stack>
  );
}

interface FoundProps {
  tunnels: EffectiveTunnel[];
  isNoneAtAll: boolean;
  wanted: string;
  charting: Charting;
}

function Found({ tunnels, isNoneAtAll, wanted, charting }: FoundProps) {
  if (isNoneAtAll) return <NoneYet />;
  if (tunnels.length === 0) return <p className="muted">No tunnel matches “{wanted}”.</p>;
  return (
    <PagedTable
      key={wanted}
      label="Tunnels"
      columns={columnsFor(charting)}
      items={tunnels.sort(byLabel)}
      keyOf={({ id, remote_ip, local_ip }) => `${id} ${local_ip} ${remote_ip}`}
      isChosen={(tunnel) => charting.isChosen(subjectOfTunnel(tunnel))}
    />
  );
}

const textOf = (tunnel: EffectiveTunnel): string =>
  [labelOfTunnel(tunnel), tunnel.remote_ip, tunnel.vni, tunnel.phase, tunnel.reason].join(" ").toLowerCase();

const byLabel = (a: EffectiveTunnel, b: EffectiveTunnel): number =>
  labelOfTunnel(a).localeCompare(labelOfTunnel(b));

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

function columnsFor(charting: Charting): Column<EffectiveTunnel>[] {
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
