import { Link } from "wouter";
import { Moment } from "../chrome/moment";
import type { ServerColumn } from "../chrome/server-table";
import { ObjectLink } from "../kinds/object-link";
import { isKind, pathOf } from "../kinds/kinds";
import { Message } from "../status/message";
import { SeverityLabel } from "../status/severity";
import type { EventDocument } from "./queries";

type Column = ServerColumn<EventDocument>;

export const WHEN: Column = { title: "When", cell: ({ at }) => <Moment at={at} /> };
export const SEVERITY: Column = {
  title: "Severity",
  cell: ({ severity }) => <SeverityLabel severity={severity} />,
};
export const TYPE: Column = {
  title: "What",
  cell: ({ type }) => <span className="nowrap">{type}</span>,
};
export const MESSAGE: Column = {
  title: "Message",
  className: "reason-cell",
  cell: ({ reason, message }) => (
    <>
      <span className="reason">{reason}</span> <Message text={message} />
    </>
  ),
};
export const WHO: Column = {
  title: "Who",
  cell: ({ principal }) => principal ?? <span className="muted">—</span>,
};

export const COLUMNS: Column[] = [
  WHEN,
  SEVERITY,
  {
    title: "What",
    cell: ({ type, count }) => (
      <span className="nowrap">
        {type}
        {count > 1 && <span className="count">{count}</span>}
      </span>
    ),
  },
  { title: "Of", className: "events-of object-cell", cell: (event) => <Subject event={event} /> },
  MESSAGE,
  { title: "Who", cell: (event) => <Origin event={event} /> },
];

function Subject({ event: { kind, name, project, host } }: { event: EventDocument }) {
  if (!kind && !host) return <span className="muted">the fleet</span>;
  const elsewhere = host && kind !== "Host" ? host : null;
  return (
    <>
      {kind && name && isKind(kind) && <ObjectLink kind={kind} name={name} project={project} />}
      <div className="detail">
        <span className="muted">{kind}</span>
        {elsewhere && (
          <>
            {" "}
            <span className="muted">on</span> <ObjectLink kind="Host" name={elsewhere} />
          </>
        )}
      </div>
    </>
  );
}

function Origin({ event }: { event: EventDocument }) {
  const { principal, revision } = event;
  if (!principal && revision === null) return <span className="muted">—</span>;
  return (
    <>
      {principal}
      {revision !== null && (
        <div className="detail nowrap">
          <span className="muted">revision</span> <Revision event={event} />
        </div>
      )}
    </>
  );
}

/** To the versions of what changed: there the change itself is told. */
function Revision({ event: { kind, name, project, revision } }: { event: EventDocument }) {
  if (!kind || !name || !isKind(kind)) return revision;
  const [path, query] = pathOf(kind, name, project).split("?");
  return <Link href={`${path}?${[query, "tab=history"].filter(Boolean).join("&")}`}>{revision}</Link>;
}
