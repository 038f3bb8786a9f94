/** The host's bridges with the ports on them. */

import { Card, CardBody, CardHeader, CardTitle, SearchInput, Title } from "@patternfly/react-core";
import { EmptyState, EmptyStateBody, Label } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import { matches, type Bridge, type Failure, type Host } from "../api/documents";
import type { Port, Segment } from "../api/documents";
import { QueryState } from "../chrome/query-state";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import { type Branch, branchesOf } from "./bridge-tree";
import type { Charting } from "./charting";
import { PortTable } from "./port-table";

interface Props {
  host: Host;
  ports: UseQueryResult<Port[]>;
  bridges: UseQueryResult<Bridge[]>;
  segments: Segment[];
  failures: Failure[];
  charting: Charting;
}

export function BridgesCard({ host, ports, bridges, segments, failures, charting }: Props) {
  const [filter, setFilter] = useState("");
  return (
    <Card component="section" aria-labelledby="bridges-title">
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: ports.data && ports.data.length > 0 && (
            <SearchInput
              aria-label="Filter ports"
              placeholder="Name, address, phase"
              value={filter}
              onChange={(_, value) => setFilter(value)}
              onClear={() => setFilter("")}
            />
          ),
        }}
      >
        <CardTitle component="h2" id="bridges-title">
          Bridges and ports
          {ports.data && <span className="count">{countPorts(ports.data.length)}</span>}
        </CardTitle>
      </CardHeader>
      <CardBody>
        <QueryState title="Bridges" query={bridges}>
          {(ownBridges) => (
            <QueryState title="Ports" query={ports}>
              {(all) => {
                const found = all.filter((port) => matches(port, filter));
                const tree = { host, bridges: ownBridges, ports: found, segments, failures };
                return <Tree branches={branchesOf(tree)} filter={filter} charting={charting} />;
              }}
            </QueryState>
          )}
        </QueryState>
      </CardBody>
    </Card>
  );
}

const countPorts = (count: number): string => `${count} ${count === 1 ? "port" : "ports"}`;

function Tree({ branches, filter, charting }: { branches: Branch[]; filter: string; charting: Charting }) {
  const shown = filter ? branches.filter(({ ports }) => ports.length > 0) : branches;
  if (shown.length === 0 && filter) return <p className="muted">Nothing matches “{filter}”.</p>;
  if (shown.length === 0) return <NothingYet />;
  return shown.map((branch) => (
    <section key={branch.key} className="branch" aria-label={`Bridge ${branch.device}`}>
      <BranchHeading branch={branch} />
      {branch.ports.length === 0 ? (
        <p className="muted">No port on this bridge yet.</p>
      ) : (
        <PortTable key={filter} branch={branch} charting={charting} />
      )}
    </section>
  ));
}

function NothingYet() {
  return (
    <EmptyState headingLevel="h3" titleText="No ports yet" variant="sm">
      <EmptyStateBody>
        Put a Port with this host and a segment or bridge into a manifest and apply it:{" "}
        <code>ovsfleet apply -f FILE</code>. It appears here as soon as it is intended.
      </EmptyStateBody>
    </EmptyState>
  );
}

const KINDS = {
  overlay: "overlay bridge, Open vSwitch",
  explicit: "bridge, Open vSwitch",
  linux: "Linux bridge",
} as const;

function BranchHeading({ branch }: { branch: Branch }) {
  return (
    <div className="branch-heading">
      <Title headingLevel="h3" size="md">
        <span className="mono">{branch.device}</span>
      </Title>
      <span className="muted">{KINDS[branch.kind]}</span>
      {branch.phase && <PhaseLabel phase={branch.phase} />}
      {branch.reason && (
        <span>
          <span className="reason">{branch.reason}</span> <Message text={branch.message} />
        </span>
      )}
      {branch.segments.map(({ metadata, spec }) => (
        <Label key={metadata.uid} isCompact variant="outline">
          {metadata.name} · VNI {spec.vni} · UDP {spec.dst_port}
        </Label>
      ))}
    </div>
  );
}
