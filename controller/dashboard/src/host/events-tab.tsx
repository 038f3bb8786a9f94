/** What happened on the host and to it, newest first. */

import { Card, CardBody } from "@patternfly/react-core";
import { useHostEvents } from "../api/host-queries";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { MESSAGE, SEVERITY, TYPE, WHEN, WHO } from "../events/columns";
import { ObjectLink } from "../kinds/object-link";
import type { EventDocument } from "../object/parts";
import type { HostTabProps } from "./tabs";

const COLUMNS: ServerColumn<EventDocument>[] = [
  WHEN,
  SEVERITY,
  TYPE,
  { title: "Of", cell: (event) => <Of event={event} /> },
  MESSAGE,
  WHO,
];

function Of({ event: { kind, name, project } }: { event: EventDocument }) {
  if (!kind || kind === "Host") return <span className="muted">the host</span>;
  if (!name) return <span className="muted">several {kind}s</span>;
  return (
    <>
      <span className="muted">{kind}</span> <ObjectLink kind={kind} name={name} project={project} />
    </>
  );
}

export function EventsTab({ host }: HostTabProps) {
  const { get } = useUrlState();
  const query = useHostEvents(host.metadata.name, get("page"));
  return (
    <Card component="section" aria-label="Events">
      <CardBody>
        <ServerTable
          label="Events"
          query={query}
          columns={COLUMNS}
          keyOf={({ type, id, revision }) => `${type} ${id} ${revision}`}
          empty={<p className="muted">Nothing has happened on this host, as far as is remembered.</p>}
        />
      </CardBody>
    </Card>
  );
}
