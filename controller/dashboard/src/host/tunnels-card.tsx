/** The effective tunnels of the host: of its segments' meshes, and explicit ones. */

import { Card, CardBody, CardTitle, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "wouter";
import type { EffectiveTunnel } from "../api/documents";
import { type Column, PagedTable } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import { ChartButton } from "./chart-button";
import type { Charting } from "./charting";
import { CurrentRate } from "./current-rate";
import { labelOfTunnel, subjectOfTunnel } from "./subjects";

const BACKENDS = { ovs: "Open vSwitch", kernel: "kernel" } as const;

interface Props {
  query: UseQueryResult<EffectiveTunnel[]>;
  charting: Charting;
}

export function TunnelsCard({ query, charting }: Props) {
  return (
    <Card component="section" aria-labelledby="tunnels-title">
      <CardTitle component="h2" id="tunnels-title">
        Tunnels
        {query.data && <span className="count">{query.data.length}</span>}
      </CardTitle>
      <CardBody>
        <QueryState title="Tunnels" query={query}>
          {(tunnels) =>
            tunnels.length === 0 ? (
              <NoneYet />
            ) : (
              <PagedTable
                label="Tunnels"
                columns={columnsFor(charting)}
                items={[...tunnels].sort(byLabel)}
                keyOf={({ id }) => id}
                isChosen={(tunnel) => subjectOfTunnel(tunnel) === charting.chosen}
              />
            )
          }
        </QueryState>
      </CardBody>
    </Card>
  );
}

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
  const kind = tunnel.kind === "mesh" ? "mesh of the segment" : "explicit";
  return (
    <div>
      <ChartButton label={labelOfTunnel(tunnel)} subject={subjectOfTunnel(tunnel)} charting={charting} />
      <div className="muted detail">{kind}</div>
    </div>
  );
}

function Remote({ tunnel: { remote_host: host, remote_ip: ip } }: { tunnel: EffectiveTunnel }) {
  return (
    <div>
      {host ? <Link href={`/hosts/${host}`}>{host}</Link> : "outside VTEP"}
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
