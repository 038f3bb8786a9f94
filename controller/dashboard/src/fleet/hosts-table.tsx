import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Host } from "../api/documents";
import { type Column, ObjectTable } from "./object-table";
import { PhaseLabel } from "./phase";
import { Reason } from "./reason";

interface Props {
  query: UseQueryResult<Host[]>;
  head: number | undefined;
}

export function HostsTable({ query, head }: Props) {
  const columns: Column<Host>[] = [
    { title: "Name", cell: (host) => <strong>{host.metadata.name}</strong> },
    { title: "Phase", cell: (host) => <PhaseLabel phase={host.status.phase} /> },
    { title: "VTEPs", cell: (host) => <Addresses addresses={host.spec.vteps} /> },
    { title: "Revision", cell: (host) => <Applied host={host} head={head} /> },
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
