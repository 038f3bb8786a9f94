/** What happened to the object, newest first. */

import { Card, CardBody } from "@patternfly/react-core";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { MESSAGE, SEVERITY, TYPE, WHEN, WHO } from "../events/columns";
import { ObjectLink } from "../kinds/object-link";
import { useObjectEvents, type EventDocument } from "./parts";
import type { TabProps } from "./tabs";

const COLUMNS: ServerColumn<EventDocument>[] = [
  WHEN,
  SEVERITY,
  TYPE,
  {
    title: "Host",
    cell: ({ host }) => (host ? <ObjectLink kind="Host" name={host} /> : <span className="muted">—</span>),
  },
  MESSAGE,
  WHO,
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
