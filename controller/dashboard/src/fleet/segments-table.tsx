import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import { hostsOf, type Port, type Segment } from "../api/documents";
import type { Column } from "../chrome/paged-table";
import { PhaseLabel } from "../status/phase";
import { Reason } from "../status/reason";
import { ObjectTable } from "./object-table";

interface Props {
  query: UseQueryResult<Segment[]>;
  ports: Port[] | undefined;
}

export function SegmentsTable({ query, ports }: Props) {
  const members = membership(ports ?? []);
  const columns: Column<Segment>[] = [
    { title: "Name", cell: (segment) => <strong>{segment.metadata.name}</strong> },
    { title: "Phase", cell: (segment) => <PhaseLabel phase={segment.status.phase} /> },
    { title: "VNI", cell: (segment) => <span className="mono">{segment.spec.vni ?? "—"}</span> },
    { title: "Backend", cell: (segment) => segment.spec.backend },
    { title: "MTU", cell: (segment) => segment.spec.mtu ?? "auto" },
    { title: "Members", cell: (segment) => describeMembers(members.get(keyOf(segment)), ports) },
    { title: "Reason", cell: (segment) => <Reason object={segment} />, className: "reason-cell" },
  ];
  return (
    <ObjectTable
      id="segments"
      title="Segments"
      query={query}
      columns={columns}
      empty={
        <EmptyState headingLevel="h3" titleText="No segments yet" variant="sm">
          <EmptyStateBody>
            A segment is one layer 2 domain across hosts. Apply a manifest with a Segment and Ports
            on it.
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}

interface Members {
  hosts: Set<string>;
  ports: number;
}

const keyOf = (segment: Segment): string => `${segment.metadata.project}/${segment.metadata.name}`;

function membership(ports: Port[]): Map<string, Members> {
  const members = new Map<string, Members>();
  for (const port of ports) {
    if (!port.spec.segment) continue;
    const key = `${port.metadata.project}/${port.spec.segment}`;
    const entry = members.get(key) ?? { hosts: new Set<string>(), ports: 0 };
    for (const host of hostsOf(port)) entry.hosts.add(host);
    entry.ports += 1;
    members.set(key, entry);
  }
  return members;
}

function describeMembers(members: Members | undefined, ports: Port[] | undefined): string {
  if (!ports) return "…";
  if (!members) return "no members";
  const { hosts, ports: count } = members;
  return `${hosts.size} ${hosts.size === 1 ? "host" : "hosts"}, ${count} ${count === 1 ? "port" : "ports"}`;
}
