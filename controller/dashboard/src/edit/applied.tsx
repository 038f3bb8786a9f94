/** What was applied, and how far the hosts are with it, as they report. */

import { Alert, Button, Card, CardBody, CardTitle, Stack, StackItem } from "@patternfly/react-core";
import { type Column, PagedTable } from "../chrome/paged-table";
import { ObjectLink } from "../kinds/object-link";
import type { ChangeResult, ObjectResult } from "./apply-queries";
import { Progressing } from "./progressing";
import { Warnings } from "./review";

const DONE = { created: "created", updated: "changed", deleted: "deleted", unchanged: "as it was" } as const;

const COLUMNS: Column<ObjectResult>[] = [
  { title: "Kind", cell: ({ kind }) => kind },
  {
    title: "Name",
    cell: ({ kind, name, project, action }) =>
      action === "deleted" ? name : <ObjectLink kind={kind} name={name} project={project} />,
  },
  { title: "Project", cell: ({ project }) => project || <span className="muted">none</span> },
  { title: "Done", cell: ({ action }) => DONE[action] },
];

export function Applied({ result, onAgain }: { result: ChangeResult; onAgain: () => void }) {
  const { revision, results, warnings } = result;
  const changes = results.filter(({ action }) => action !== "unchanged");
  const rest = results.length - changes.length;
  return (
    <Stack hasGutter>
      <StackItem>
        <Alert
          variant="success"
          isInline
          isLiveRegion
          title={changes.length > 0 ? `Applied as revision ${revision}` : "Nothing had to be changed"}
        />
        <Warnings warnings={warnings} />
      </StackItem>
      {changes.length > 0 && (
        <StackItem>
          <Progressing revision={revision} />
        </StackItem>
      )}
      <StackItem>
        <Card component="section" aria-labelledby="applied-title">
          <CardTitle component="h2" id="applied-title">
            Objects
            <span className="count">{changes.length}</span>
          </CardTitle>
          <CardBody>
            <PagedTable
              label="Objects that were changed"
              columns={COLUMNS}
              items={changes}
              keyOf={({ kind, project, name }) => `${kind} ${project} ${name}`}
            />
            {rest > 0 && <p className="muted">{rest} as they were.</p>}
          </CardBody>
        </Card>
      </StackItem>
      <StackItem>
        <Button variant="secondary" onClick={onAgain}>
          Apply another file
        </Button>
      </StackItem>
    </Stack>
  );
}
