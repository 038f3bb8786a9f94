/** What happened on the host and to it, newest first. */

import { Card, CardBody } from "@patternfly/react-core";
import { useHostEvents } from "../api/host-queries";
import { Moment } from "../chrome/moment";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { ObjectLink } from "../kinds/object-link";
import type { EventDocument } from "../object/parts";
import { Message } from "../status/message";
import { SeverityLabel } from "../status/severity";
import type { HostTabProps } from "./tabs";

const COLUMNS: ServerColumn<EventDocument>[] = [
  { title: "When", cell: ({ at }) => <Moment at={at} /> },
  { title: "Severity", cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  { title: "What", cell: ({ type }) => <span className="nowrap">{type}</span> },
  { title: "Of", cell: (event) => <Of event={event} /> },
  {
    title: "Message",
    className: "reason-cell",
    cell: ({ reason, message }) => (
      <>
        <span className="reason">{reason}</span> <Message text={message} />
      </>
    ),
  },
  { title: "Who", cell: ({ principal }) => principal ?? <span className="muted">—</span> },
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
