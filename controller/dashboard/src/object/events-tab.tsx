/** What happened to the object, newest first. */

import { Card, CardBody } from "@patternfly/react-core";
import { Moment } from "../chrome/moment";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { ObjectLink } from "../kinds/object-link";
import { Message } from "../status/message";
import { SeverityLabel } from "../status/severity";
import { useObjectEvents, type EventDocument } from "./parts";
import type { TabProps } from "./tabs";

const COLUMNS: ServerColumn<EventDocument>[] = [
  { title: "When", cell: ({ at }) => <Moment at={at} /> },
  { title: "Severity", cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  { title: "What", cell: ({ type }) => <span className="nowrap">{type}</span> },
  {
    title: "Host",
    cell: ({ host }) => (host ? <ObjectLink kind="Host" name={host} /> : <span className="muted">—</span>),
  },
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

export function EventsTab({ objectRef }: TabProps) {
  const { get } = useUrlState();
  const query = useObjectEvents(objectRef, get("page"));
  return (
    <Card component="section" aria-label="Events">
      <CardBody>
        <ServerTable
          label="Events"
          query={query}
          columns={COLUMNS}
          keyOf={({ type, id, revision }) => `${type} ${id} ${revision}`}
          empty={<p className="muted">Nothing has happened to it, as far as is remembered.</p>}
        />
      </CardBody>
    </Card>
  );
}
