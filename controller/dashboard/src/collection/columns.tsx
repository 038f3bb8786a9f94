/** What the table of each kind shows. */

import { Label } from "@patternfly/react-core";
import type { StoredObject } from "../api/objects";
import type { AnyObject } from "../api/documents";
import { Moment } from "../chrome/moment";
import type { ServerColumn } from "../chrome/server-table";
import { ObjectLink } from "../kinds/object-link";
import type { KindInfo } from "../kinds/kinds";
import { PhaseLabel } from "../status/phase";
import { Reason } from "../status/reason";

type Column = ServerColumn<StoredObject>;

const NAME: Column = {
  title: "Name",
  order: "name",
  cell: ({ kind, metadata }) => (
    <ObjectLink kind={kind} name={metadata.name} project={metadata.project} />
  ),
};
const PROJECT: Column = { title: "Project", cell: ({ metadata }) => metadata.project };
const PHASE: Column = {
  title: "Phase",
  cell: ({ status }) => <PhaseLabel phase={status.phase} />,
};
const LABELS: Column = {
  title: "Labels",
  cell: ({ metadata }) => (
    <span className="labels">
      {Object.entries(metadata.labels).map(([key, value]) => (
        <Label key={key} isCompact variant="outline">
          {key}={value}
        </Label>
      ))}
    </span>
  ),
};
const UPDATED: Column = {
  title: "Changed",
  order: "updated_at",
  cell: ({ metadata }) => <Moment at={metadata.updated_at} />,
};
const REASON: Column = {
  title: "Reason",
  className: "reason-cell",
  cell: (object) => <Reason object={object as unknown as AnyObject} />,
};

export function columnsOf(info: KindInfo): Column[] {
  return [NAME, ...(info.ofProjects ? [PROJECT] : []), PHASE, LABELS, UPDATED, REASON];
}
