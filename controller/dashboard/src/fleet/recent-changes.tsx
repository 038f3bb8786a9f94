import { Card, CardBody, CardTitle } from "@patternfly/react-core";
import { useLive, type RecentChange } from "../live/live";

const SHOWN = 8;

export function RecentChanges() {
  const { changes, state } = useLive();
  return (
    <Card component="section" aria-labelledby="changes-title" isFullHeight>
      <CardTitle component="h2" id="changes-title">
        Recent changes
      </CardTitle>
      <CardBody>
        {changes.length === 0 && (
          <p className="muted">
            {state === "open"
              ? "Nothing has been changed yet. Apply a manifest: ovsfleet apply -f FILE."
              : "Waiting for the change stream …"}
          </p>
        )}
        <ol className="changes">
          {changes.slice(0, SHOWN).map((change) => (
            <Change key={`${change.revision} ${change.uid}`} change={change} />
          ))}
        </ol>
      </CardBody>
    </Card>
  );
}

function Change({ change }: { change: RecentChange }) {
  return (
    <li className={change.seenAt ? "change change-new" : "change"}>
      <span className="mono change-revision" title={`fleet revision ${change.revision}`}>
        {change.revision}
      </span>
      <span className="change-what">
        <span className="muted">{change.kind}</span> <strong>{change.name}</strong> {change.action}
      </span>
      {change.seenAt && (
        <time className="muted" dateTime={change.seenAt.toISOString()}>
          {change.seenAt.toLocaleTimeString()}
        </time>
      )}
    </li>
  );
}
