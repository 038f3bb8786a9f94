/** Makes an object, or changes one: by a form or as YAML, with what saving would change before it
 * does. */

import { Skeleton, StackItem, Title } from "@patternfly/react-core";
import { useState } from "react";
import { ApiError } from "../api/client";
import { useObject, type StoredObject } from "../api/objects";
import { AppPage } from "../chrome/app-page";
import { QueryState } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
import { capitalized, type KindInfo } from "../kinds/kinds";
import { NoSuchObject } from "../kinds/no-such-object";
import { useWhoAmI } from "../session/whoami";
import "./edit.css";
import { draftOf, emptyDraft, type Draft } from "./drafts";
import { Editor } from "./editor";
import { MayNot } from "./may-not";
import { useEver } from "./queries";

interface Props {
  info: KindInfo;
  /** Null: a new one. */
  name: string | null;
}

export default function EditPage({ info, name }: Props) {
  const title = name === null ? `Create a ${info.noun}` : `Edit ${info.noun} ${name}`;
  const who = useWhoAmI();
  const mayNow = who.data?.may.write.includes(info.kind);
  // A draft outlives a token that may less than the one before.
  const mayWrite = useEver(mayNow === true) || mayNow;
  return (
    <AppPage title={title} above={[{ title: capitalized(info.plural), href: `/${info.collection}` }]}>
      <StackItem>
        <Title headingLevel="h1">{title}</Title>
      </StackItem>
      <StackItem>
        {mayWrite === false ? (
          <MayNot what={`write ${info.plural}`} roles={who.data?.roles ?? []} />
        ) : who.isPending ? (
          <Skeleton height="24rem" screenreaderText="Loading what this token may write" />
        ) : name === null ? (
          <New info={info} projects={who.data?.projects ?? []} />
        ) : (
          <Existing info={info} name={name} />
        )}
      </StackItem>
    </AppPage>
  );
}

/** The address may say what it begins with: `/ports/new?host=h1&segment=blue`. */
function New({ info, projects }: { info: KindInfo; projects: readonly string[] }) {
  const { get } = useUrlState();
  const draft = emptyDraft(info.kind);
  const [first] = projects;
  const mine = first === undefined || projects.includes(draft.project) ? draft.project : first;
  const given = ["host", "segment", "bridge", "host_group"]
    .filter((field) => get(field))
    .map((field) => [field, get(field)]);
  const initial = { ...draft, project: get("project") || mine, spec: Object.fromEntries(given) };
  return <Editor info={info} stored={null} initial={initial} />;
}

function Existing({ info, name }: { info: KindInfo; name: string }) {
  const { get } = useUrlState();
  const project = get("project");
  return <Loaded key={project} info={info} name={name} project={project} />;
}

/** Once it was read, the editor stands: what becomes of the object meanwhile takes no draft away. */
function Loaded({ info, name, project }: { info: KindInfo; name: string; project: string }) {
  const query = useObject<StoredObject>({ kind: info.kind, name, project: project || undefined });
  const [first, setFirst] = useState<StoredObject | null>(null);
  if (first === null && query.data !== undefined && !query.isError) setFirst(query.data);
  if (first !== null)
    return <Editor info={info} stored={first} initial={draftOf(first)} begun={begunFrom(info)} lost={query.error} />;
  if (query.error instanceof ApiError && query.error.status === 404)
    return <NoSuchObject info={info} name={name} headingLevel="h2" />;
  return (
    <QueryState title={capitalized(info.plural)} query={query} height="24rem">
      {() => null}
    </QueryState>
  );
}

/** Where the editing goes on from, when a person came from a former version. */
function begunFrom({ kind }: KindInfo): Draft | undefined {
  const state = history.state as { from?: Draft } | null;
  return state?.from?.kind === kind ? state.from : undefined;
}
