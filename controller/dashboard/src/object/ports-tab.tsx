/** The ports of a segment or of a bridge. */

import { Card, CardBody, CardHeader } from "@patternfly/react-core";
import type { AnyObject, Port } from "../api/documents";
import { usePage } from "../api/objects";
import { LinkButton } from "../chrome/link-button";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { ObjectLink } from "../kinds/object-link";
import { useMayWrite } from "../session/whoami";
import { PhaseLabel } from "../status/phase";
import { Reason } from "../status/reason";
import type { TabProps } from "./tabs";

const ROWS = 50;

const COLUMNS: ServerColumn<Port>[] = [
  {
    title: "Name",
    order: "name",
    className: "object-cell",
    cell: ({ metadata }) => <ObjectLink kind="Port" name={metadata.name} project={metadata.project} />,
  },
  {
    title: "Host",
    className: "nowrap",
    cell: ({ spec: { host, migrating_to } }) => (
      <>
        {host ? <ObjectLink kind="Host" name={host} /> : <span className="muted">not plugged</span>}
        {migrating_to && (
          <>
            {" → "}
            <ObjectLink kind="Host" name={migrating_to} />
          </>
        )}
      </>
    ),
  },
  { title: "Type", cell: ({ spec }) => spec.type },
  { title: "Interface", cell: ({ spec }) => <span className="mono">{spec.interface}</span> },
  {
    title: "Addresses",
    cell: ({ spec }) => (
      <span className="mono addresses">
        {spec.addresses.map((address) => (
          <span key={address}>{address}</span>
        ))}
      </span>
    ),
  },
  { title: "Phase", cell: ({ status }) => <PhaseLabel phase={status.phase} /> },
  { title: "Reason", cell: (port) => <Reason object={port as AnyObject} />, className: "reason-cell" },
];

export function PortsTab({ info, object }: TabProps) {
  const { get } = useUrlState();
  const { name, project } = object.metadata;
  const field = info.kind === "Segment" ? "segment" : "bridge";
  const query = usePage<Port>("ports", {
    filter: `spec.${field} = ${JSON.stringify(name)}`,
    project: info.kind === "Segment" ? project : "",
    order_by: get("order"),
    page_token: get("page"),
    page_size: ROWS,
  });
  const shortcut = new URLSearchParams({ [field]: name, ...(info.kind === "Segment" && { project }) });
  const mayWrite = useMayWrite("Port");
  return (
    <Card component="section" aria-label="Ports">
      {mayWrite && (
        <CardHeader>
          <LinkButton variant="secondary" href={`/ports/new?${shortcut}`}>
            Add a port
          </LinkButton>
        </CardHeader>
      )}
      <CardBody>
        <ServerTable
          label="Ports"
          query={query}
          columns={COLUMNS}
          keyOf={({ metadata }) => metadata.uid}
          empty={<p className="muted">No ports yet.</p>}
        />
      </CardBody>
    </Card>
  );
}
