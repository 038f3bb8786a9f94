/** Every version that the store still has: who made it, when, and what it changed. */

import { Button, Card, CardBody } from "@patternfly/react-core";
import { useState } from "react";
import { useLocation } from "wouter";
import { Moment } from "../chrome/moment";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { Difference } from "../edit/code-editor";
import { draftOf, manifestOf, yamlOf } from "../edit/drafts";
import type { StoredObject } from "../api/objects";
import { pathOf } from "../kinds/kinds";
import { useMayWrite } from "../session/whoami";
import { useHistory, type Version } from "./parts";
import type { TabProps } from "./tabs";
import "../edit/edit.css";

export function HistoryTab({ info, objectRef, object }: TabProps) {
  const { get } = useUrlState();
  const query = useHistory(objectRef, get("page"));
  const [shown, setShown] = useState<Version | null>(null);
  const mayWrite = useMayWrite(info.kind);
  const [, navigate] = useLocation();
  const restore = (version: Version) => {
    const [path, rest] = pathOf(info.kind, object.metadata.name, object.metadata.project).split("?");
    navigate(`${path}/edit${rest ? `?${rest}` : ""}`, { state: { from: asDraft(object, version) } });
  };
  const columns: ServerColumn<Version>[] = [
    { title: "Revision", cell: ({ revision }) => revision, className: "number" },
    { title: "When", cell: ({ at }) => <Moment at={at} /> },
    { title: "Who", cell: ({ principal }) => principal },
    { title: "What", cell: (version) => <What version={version} />, className: "reason-cell" },
    {
      title: "",
      cell: (version) => (
        <span className="nowrap">
          <Button variant="link" isInline onClick={() => setShown(version)}>
            Compare with now
          </Button>
          {mayWrite && version.revision !== object.metadata.revision && (
            <>
              {" · "}
              <Button variant="link" isInline onClick={() => restore(version)}>
                Edit from here
              </Button>
            </>
          )}
        </span>
      ),
    },
  ];
  return (
    <Card component="section" aria-label="History">
      <CardBody>
        <ServerTable
          label="Versions"
          query={query}
          columns={columns}
          keyOf={({ revision }) => String(revision)}
          empty={<p className="muted">The store has no version of it any more.</p>}
        />
        {shown && (
          <section aria-label={`Revision ${shown.revision} and now`}>
            <p>
              <strong>Revision {shown.revision}</strong> <span className="muted">against what is intended now</span>
            </p>
            <Difference
              label={`From revision ${shown.revision} to now`}
              before={asYaml(object, shown)}
              after={yamlOf(manifestOf(draftOf(object)))}
            />
          </section>
        )}
      </CardBody>
    </Card>
  );
}

const asDraft = (object: StoredObject, { labels, spec }: Version) =>
  draftOf({ ...object, metadata: { ...object.metadata, labels }, spec });

const asYaml = (object: StoredObject, version: Version): string =>
  yamlOf(manifestOf(asDraft(object, version)));

function What({ version: { action, changes } }: { version: Version }) {
  return (
    <>
      <strong>{action}</strong>
      {changes.length > 0 && (
        <ul className="fact-list detail">
          {changes.map(({ pointer, before, after }) => (
            <li key={pointer}>
              <span className="mono">{pointer.slice(1).replaceAll("/", ".")}</span>{" "}
              <span className="muted">{shownValue(before)} →</span> {shownValue(after)}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

const shownValue = (value: unknown): string =>
  value === null || value === undefined ? "not set" : typeof value === "string" ? value : JSON.stringify(value);
