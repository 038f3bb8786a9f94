import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import { Link } from "wouter";
import { hostsOf, type Host, type Port } from "../api/documents";
import type { Column } from "../chrome/paged-table";
import { PhaseLabel } from "../status/phase";
import { Reason } from "../status/reason";
import { ObjectTable } from "./object-table";

interface Props {
  query: UseQueryResult<Host[]>;
  ports: Port[] | undefined;
  head: number | undefined;
}

export function HostsTable({ query, ports, head }: Props) {
  const counts = portsByHost(ports ?? []);
  const columns: Column<Host>[] = [
    { title: "Name", cell: ({ metadata: { name } }) => <Link href={`/hosts/${name}`}>{name}</Link> },
    { title: "Phase", cell: (host) => <PhaseLabel phase={host.status.phase} /> },
    { title: "VTEPs", cell: (host) => <Addresses addresses={host.spec.vteps} /> },
    { title: "Switch", cell: (host) => <Switch host={host} />, className: "nowrap" },
    { title: "Ports", cell: (host) => counts.get(host.metadata.name) ?? 0, className: "number" },
    { title: "Revision", cell: (host) => <Applied host={host} head={head} />, className: "nowrap" },
    { title: "Reason", cell: (host) => <Reason object={host} />, className: "reason-cell" },
  ];
  return (
    <ObjectTable
      id="hosts"
      title="Hosts"
      query={query}
      columns={columns}
      empty={
        <EmptyState headingLevel="h3" titleText="No hosts yet" variant="sm">
          <EmptyStateBody>
            Declare one in a manifest, <code>ovsfleet apply -f FILE</code>, then let it join with the
            command that <code>ovsfleet enroll HOST</code> prints.
          </EmptyStateBody>
        </EmptyState>
      }
    />
  );
}

function portsByHost(ports: Port[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const host of ports.flatMap(hostsOf)) counts.set(host, (counts.get(host) ?? 0) + 1);
  return counts;
}

function Switch({ host: { spec } }: { host: Host }) {
  return spec.overlay_bridge_type === "linux" ? "Linux bridge" : "Open vSwitch";
}

function Addresses({ addresses }: { addresses: string[] }) {
  if (addresses.length === 0) return <span className="muted">none</span>;
  return (
    <span className="mono addresses">
      {addresses.map((address) => (
        <span key={address}>{address}</span>
      ))}
    </span>
  );
}

/** A host that a change did not concern may stay at an older revision and be up to date. */
function Applied({ host, head }: { host: Host; head: number | undefined }) {
  const applied = host.status.applied_revision;
  if (applied === 0) return <span className="muted">nothing applied</span>;
  const behind = host.status.phase !== "Ready" && head !== undefined && applied < head;
  return (
    <span>
      <span className="mono">{applied}</span>{" "}
      <span className="muted">{behind ? `of ${head}` : "up to date"}</span>
    </span>
  );
}
