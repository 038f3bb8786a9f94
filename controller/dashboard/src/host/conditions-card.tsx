import { Card, CardBody, CardTitle, Label } from "@patternfly/react-core";
import type { Condition } from "../api/documents";
import { Moment } from "../chrome/moment";
import { type Column, PagedTable } from "../chrome/paged-table";
import { Message } from "../status/message";

const COLORS = { True: "green", False: "red", Unknown: "purple" } as const;

const COLUMNS: Column<Condition>[] = [
  { title: "Type", cell: ({ type }) => <strong>{type}</strong> },
  {
    title: "Status",
    cell: ({ status }) => (
      <Label color={COLORS[status]} isCompact>
        {status}
      </Label>
    ),
  },
  { title: "Reason", cell: ({ reason }) => <span className="reason">{reason}</span> },
  { title: "Message", cell: ({ message }) => <Message text={message} />, className: "reason-cell" },
  {
    title: "Since",
    cell: ({ last_transition: at }) =>
      at ? <Moment at={at} /> : <span className="muted">not known</span>,
  },
];

export function ConditionsCard({ conditions }: { conditions: Condition[] }) {
  return (
    <Card component="section" aria-labelledby="conditions-title" isFullHeight>
      <CardTitle component="h2" id="conditions-title">
        Conditions
      </CardTitle>
      <CardBody>
        <PagedTable
          label="Conditions"
          columns={COLUMNS}
          items={conditions}
          keyOf={({ type }) => type}
        />
      </CardBody>
    </Card>
  );
}
