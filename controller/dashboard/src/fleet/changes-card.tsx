/** The latest revisions: what each changed, who made it and when. */

import { Card, CardBody, CardTitle } from "@patternfly/react-core";
import { useState } from "react";
import { Link } from "wouter";
import { Moment } from "../chrome/moment";
import { QueryState } from "../chrome/query-state";
import { infoOf } from "../kinds/kinds";
import { ObjectLink } from "../kinds/object-link";
import { byRevision, type Revision } from "./revisions";
import { useLatestChanges, type PastChange } from "./queries";

const REVISIONS = 7;
const NAMED = 3;

export function ChangesCard() {
  const query = useLatestChanges();
  const newest = query.data?.[0]?.revision;
  // What was there when the page opened did not just happen.
  const [known, setKnown] = useState<number>();
  if (known === undefined && newest !== undefined) setKnown(newest);
  return (
    <Card component="section" aria-labelledby="changes-title" isFullHeight>
      <CardTitle component="h2" id="changes-title">
        Latest changes
      </CardTitle>
      <CardBody>
        <QueryState title="Changes" query={query} height="12rem">
          {(changes) =>
            changes.length === 0 ? (
              <p className="muted">
                Nothing has been changed yet. <Link href="/apply">Apply a file</Link>, or{" "}
                <code>ovsfleet apply -f FILE</code>.
              </p>
            ) : (
              <>
                <ol className="changes">
                  {byRevision(changes)
                    .slice(0, REVISIONS)
                    .map((each) => (
                      <Row key={each.revision} change={each} isNew={known !== undefined && each.revision > known} />
                    ))}
                </ol>
                <p className="changes-more">
                  <Link href="/events">All that happened</Link>
                </p>
              </>
            )
          }
        </QueryState>
      </CardBody>
    </Card>
  );
}

function Row({ change, isNew }: { change: Revision; isNew: boolean }) {
  const { revision, principal, at, changes, mayBeMore } = change;
  const unnamed = changes.length - NAMED;
  return (
    <li className={isNew ? "change change-new" : "change"}>
      <span className="mono change-revision" title={`Fleet revision ${revision}`}>
        {revision}
      </span>
      <span className="change-what">
        {changes.slice(0, NAMED).map((each) => (
          <Changed key={each.uid} change={each} />
        ))}
        {unnamed > 0 && (
          <span className="muted">
            and {mayBeMore && "at least "}
            <span className="number">{unnamed}</span> more
          </span>
        )}
        <span className="muted detail change-who">
          {principal || "not known who"}
          {at && (
            <>
              {" · "}
              <Moment at={at} />
            </>
          )}
        </span>
      </span>
    </li>
  );
}

function Changed({ change: { kind, name, project, action } }: { change: PastChange }) {
  return (
    <span>
      <span className="muted">{infoOf(kind).noun}</span>{" "}
      <strong>{action === "deleted" ? name : <ObjectLink kind={kind} name={name} project={project} />}</strong> {action}
    </span>
  );
}
