/** How many of the hosts that a revision concerns have applied it, and what keeps the others. */

import { Card, CardBody, CardTitle, Progress } from "@patternfly/react-core";
import type { components } from "../api/schema";
import { type Column, PagedTable } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";
import { ObjectLink } from "../kinds/object-link";
import { Message } from "../status/message";
import { useRevision } from "./apply-queries";

type Revision = components["schemas"]["RevisionDocument"];
type Pending = Revision["pending"][number];

const COLUMNS: Column<Pending>[] = [
  { title: "Host", cell: ({ host }) => <ObjectLink kind="Host" name={host} /> },
  { title: "Reason", cell: ({ reason }) => <span className="reason">{reason}</span> },
  { title: "Message", cell: ({ message }) => <Message text={message} />, className: "reason-cell" },
];

export function Progressing({ revision }: { revision: number }) {
  const query = useRevision(revision);
  return (
    <Card component="section" aria-labelledby="progress-title">
      <CardTitle component="h2" id="progress-title">
        On the hosts
      </CardTitle>
      <CardBody>
        <QueryState title="Hosts" query={query}>
          {(found) => <Hosts found={found} />}
        </QueryState>
      </CardBody>
    </Card>
  );
}

function Hosts({ found: { revision, hosts, pending, realized } }: { found: Revision }) {
  if (hosts.total === 0) return <p className="muted">No host has anything to do for it.</p>;
  const waiting = hosts.total - hosts.applied;
  return (
    <>
      <Progress
        aria-label={`Hosts that have applied revision ${revision}`}
        value={hosts.applied}
        max={hosts.total}
        label={`${hosts.applied} of ${hosts.total}`}
        valueText={`${hosts.applied} of ${hosts.total} hosts have applied revision ${revision}`}
        title={`Hosts that have applied revision ${revision}`}
        size="sm"
        variant={realized ? "success" : undefined}
      />
      {pending.length > 0 && (
        <PagedTable label="Hosts that are not there yet" columns={COLUMNS} items={pending} keyOf={({ host }) => host} />
      )}
      {waiting > pending.length && (
        <p className="muted">
          The first {pending.length} of {waiting}.
        </p>
      )}
    </>
  );
}
