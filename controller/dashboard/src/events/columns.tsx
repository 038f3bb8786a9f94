import { Link } from "wouter";
import { Moment } from "../chrome/moment";
import type { ServerColumn } from "../chrome/server-table";
import { ObjectLink } from "../kinds/object-link";
import { isKind, pathOf } from "../kinds/kinds";
import { Message } from "../status/message";
import { SeverityLabel } from "../status/severity";
import type { EventDocument } from "./queries";

export const COLUMNS: ServerColumn<EventDocument>[] = [
  { title: "When", cell: ({ at }) => <Moment at={at} /> },
  { title: "Severity", cell: ({ severity }) => <SeverityLabel severity={severity} /> },
  {
    title: "What",
    cell: ({ type, count }) => (
      <span className="nowrap">
        {type}
        {count > 1 && <span className="count">{count}</span>}
      </span>
    ),
  },
  { title: "Of", cell: (event) => <Subject event={event} /> },
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
  { title: "Revision", cell: (event) => <Revision event={event} />, className: "number" },
];

function Subject({ event: { kind, name, project, host } }: { event: EventDocument }) {
  if (!kind && !host) return <span className="muted">the fleet</span>;
  return (
    <>
      {kind && (
        <>
          <span className="muted">{kind}</span>{" "}
          {name && isKind(kind) && <ObjectLink kind={kind} name={name} project={project} />}
        </>
      )}
      {host && kind !== "Host" && (
        <div className="detail">
          <span className="muted">on</span> <ObjectLink kind="Host" name={host} />
        </div>
      )}
      {host && !kind && <ObjectLink kind="Host" name={host} />}
    </>
  );
}

/** To the versions of what changed: there the change itself is told. */
function Revision({ event: { kind, name, project, revision } }: { event: EventDocument }) {
  if (revision === null) return <span className="muted">—</span>;
  if (!kind || !name || !isKind(kind)) return revision;
  const [path, query] = pathOf(kind, name, project).split("?");
  return <Link href={`${path}?${[query, "tab=history"].filter(Boolean).join("&")}`}>{revision}</Link>;
}
