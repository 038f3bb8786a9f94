/** Every version that the store still has: who made it, when, and what it changed; any two of them
 * side by side. */

import { Button, Card, CardBody, Radio } from "@patternfly/react-core";
import { useState } from "react";
import { useLocation } from "wouter";
import { Moment } from "../chrome/moment";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { Difference } from "../edit/code-editor";
import { draftOf, manifestOf, yamlOf } from "../edit/drafts";
import type { StoredObject } from "../api/objects";
import { capitalized, pathOf } from "../kinds/kinds";
import { useMayWrite } from "../session/whoami";
import { useHistory, type Version } from "./parts";
import type { TabProps } from "./tabs";
import "../edit/edit.css";

/** What is compared; on either side null is what is intended now. */
interface Compared {
  before: Version | null;
  after: Version | null;
}

export function HistoryTab({ info, objectRef, object }: TabProps) {
  const { get } = useUrlState();
  const query = useHistory(objectRef, get("page"));
  const [compared, setCompared] = useState<Compared>({ before: null, after: null });
  const mayWrite = useMayWrite(info.kind);
  const [, navigate] = useLocation();
  const restore = (version: Version) => {
    const [path, rest] = pathOf(info.kind, object.metadata.name, object.metadata.project).split("?");
    navigate(`${path}/edit${rest ? `?${rest}` : ""}`, { state: { from: asDraft(object, version) } });
  };
  const columns: ServerColumn<Version>[] = [
    ...SIDES.map((side): ServerColumn<Version> => ({
      title: capitalized(side),
      cell: (version) => (
        <Radio
          id={`${side}-${version.revision}`}
          name={side}
          aria-label={`Compare revision ${version.revision} as ${side}`}
          isChecked={compared[side]?.revision === version.revision}
          onChange={() => setCompared((now) => ({ ...now, [side]: version }))}
        />
      ),
    })),
    { title: "Revision", cell: ({ revision }) => revision, className: "number" },
    { title: "When", cell: ({ at }) => <Moment at={at} /> },
    { title: "Who", cell: ({ principal }) => principal },
    { title: "What", cell: (version) => <What version={version} />, className: "reason-cell" },
    {
      title: "",
      cell: (version) => (
        <span className="nowrap">
          <Button variant="link" isInline onClick={() => setCompared({ before: version, after: null })}>
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
        <p className="muted">Any version can be compared with any other: mark one as before and one as after.</p>
        <ServerTable
          label="Versions"
          query={query}
          columns={columns}
          keyOf={({ revision }) => String(revision)}
          empty={<p className="muted">The store has no version of it any more.</p>}
        />
        {(compared.before ?? compared.after) && <Comparison object={object} compared={compared} />}
      </CardBody>
    </Card>
  );
}

const SIDES = ["before", "after"] as const;

/** The versions may be of different pages of the list: they are kept while it is turned. */
function Comparison({ object, compared: { before, after } }: { object: StoredObject; compared: Compared }) {
  const [from, to] = [wordsOf(before), wordsOf(after)];
  return (
    <section className="history-compared" aria-label={`${capitalized(from)} and ${to}`}>
      <p role="status">
        <strong>{capitalized(from)}</strong> <span className="muted">against</span> <strong>{to}</strong>
      </p>
      <Difference
        label={`From ${from} to ${to}`}
        before={asYaml(object, before)}
        after={asYaml(object, after)}
      />
    </section>
  );
}

const wordsOf = (version: Version | null): string =>
  version ? `revision ${version.revision}` : "what is intended now";

const asDraft = (object: StoredObject, { labels, spec }: Version) =>
  draftOf({ ...object, metadata: { ...object.metadata, labels }, spec });

const asYaml = (object: StoredObject, version: Version | null): string =>
  yamlOf(manifestOf(version ? asDraft(object, version) : draftOf(object)));

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
