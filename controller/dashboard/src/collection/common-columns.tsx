/** Columns that several kinds have. */

import { Label } from "@patternfly/react-core";
import type { StoredObject } from "../api/objects";
import type { AnyObject } from "../api/documents";
import { Moment } from "../chrome/moment";
import type { ServerColumn } from "../chrome/server-table";
import { ObjectLink } from "../kinds/object-link";
import { DEFAULT_PROJECT, infoOf, type Kind } from "../kinds/kinds";
import { PhaseLabel } from "../status/phase";
import { Reason } from "../status/reason";

export type Column = ServerColumn<StoredObject>;

export const NAME: Column = {
  title: "Name",
  order: "name",
  className: "name-cell",
  cell: ({ kind, metadata: { name, project, labels } }) => (
    <>
      <ObjectLink kind={kind} name={name} project={infoOf(kind).ofProjects ? project : undefined} />
      {infoOf(kind).ofProjects && project !== DEFAULT_PROJECT && (
        <div className="muted detail">in {project}</div>
      )}
      <Labels labels={labels} />
    </>
  ),
};

export const HEALTH: Column = {
  title: "Health",
  cell: ({ status }) => <PhaseLabel phase={status.phase} />,
};

export const CHANGED: Column = {
  title: "Changed",
  order: "updated_at",
  cell: ({ metadata }) => <Moment at={metadata.updated_at} />,
};

export const REASON: Column = {
  title: "Reason",
  className: "reason-cell",
  cell: (object) => <Reason object={object as unknown as AnyObject} />,
};

export const NONE = <span className="muted">—</span>;

export function Mono({ value }: { value: string | number | null | undefined }) {
  return value === null || value === undefined || value === "" ? NONE : <span className="mono">{value}</span>;
}

/** One beneath the other; the rest are counted. */
export function Several({ values, shown = 3 }: { values: readonly string[]; shown?: number }) {
  if (values.length === 0) return NONE;
  return (
    <span className="mono addresses">
      {values.slice(0, shown).map((value) => (
        <span key={value}>{value}</span>
      ))}
      {values.length > shown && <span className="muted">and {values.length - shown} more</span>}
    </span>
  );
}

export function Named({ kind, name, project }: { kind: Kind; name: string | null | undefined; project?: string }) {
  return name ? <ObjectLink kind={kind} name={name} project={project} /> : NONE;
}

function Labels({ labels }: { labels: Record<string, string> }) {
  const all = Object.entries(labels);
  if (all.length === 0) return null;
  return (
    <span className="labels">
      {all.map(([key, value]) => (
        <Label key={key} isCompact variant="outline">
          {value ? `${key}=${value}` : key}
        </Label>
      ))}
    </span>
  );
}
