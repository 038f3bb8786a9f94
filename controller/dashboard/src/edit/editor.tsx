/** One draft, its three views, and the way to the store. */

import { ActionGroup, Alert, Button, Checkbox, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useState } from "react";
import { useLocation } from "wouter";
import { ApiError } from "../api/client";
import { useObject, type StoredObject } from "../api/objects";
import { CopyAs } from "../copy/copy-as";
import { pathOf, type KindInfo } from "../kinds/kinds";
import { Message } from "../status/message";
import { YamlEditor } from "./code-editor";
import { Conflict } from "./conflict";
import { draftOf, manifestOf, parse, yamlOf, type Draft, type ParseFault } from "./drafts";
import { useCheck, useWrite } from "./queries";
import { Findings, Review } from "./review";
import { SpecForm } from "./spec-form";

interface Props {
  info: KindInfo;
  /** As it was when the editing began; what arrives meanwhile does not overwrite what is typed. */
  stored: StoredObject | null;
  initial: Draft;
  /** What it shall become, as far as that is known already. */
  begun?: Draft | undefined;
}

type View = "form" | "yaml" | "review";

export function Editor({ info, stored, initial, begun = initial }: Props) {
  const [base, setBase] = useState({ draft: initial, revision: stored?.metadata.revision ?? null });
  const [draft, setDraft] = useState(begun);
  const [text, setText] = useState<string | null>(null);
  const [faults, setFaults] = useState<readonly ParseFault[]>([]);
  const [view, setView] = useState<View>("form");
  const [isForced, setForced] = useState(false);
  const [, navigate] = useLocation();
  const write = useWrite();
  const isWritten = faults.length === 0;
  const check = useCheck(isWritten ? draft : null);
  const isNew = base.revision === null;
  const isStale = write.error instanceof ApiError && write.error.status === 412;

  const change = (changed: Draft) => {
    write.reset();
    setDraft(changed);
  };
  const changeText = (changed: string) => {
    setText(changed);
    const parsed = parse(changed, info.kind);
    if ("faults" in parsed) return setFaults(parsed.faults);
    setFaults([]);
    const { name, project } = draft;
    // What an object is called is fixed once it is there.
    change(isNew ? parsed.draft : { ...parsed.draft, name, project });
  };
  const show = (wanted: View) => {
    setText(wanted === "yaml" ? yamlOf(manifestOf(draft)) : null);
    setView(wanted);
  };
  const save = () =>
    write.mutate(
      { draft, base: base.revision, force: isForced },
      { onSuccess: ({ metadata }) => navigate(pathOf(info.kind, metadata.name, metadata.project)) },
    );

  return (
    <>
      <Tabs
        className="edit-tabs"
        aria-label="Ways to write it"
        activeKey={view}
        onSelect={(_, key) => isWritten && show(key as View)}
      >
        <Tab eventKey="form" title={<TabTitleText>Form</TabTitleText>} isAriaDisabled={!isWritten} />
        <Tab eventKey="yaml" title={<TabTitleText>YAML</TabTitleText>} />
        <Tab eventKey="review" title={<TabTitleText>What would change</TabTitleText>} isAriaDisabled={!isWritten} />
      </Tabs>
      {isStale && base.revision !== null && (
        <StaleDraft
          info={info}
          base={base.draft}
          mine={draft}
          onSettled={(settled, theirs) => {
            setBase({ draft: draftOf(theirs), revision: theirs.metadata.revision });
            change(settled);
            show("review");
          }}
        />
      )}
      {view === "form" && (
        <SpecForm draft={draft} isNew={isNew} onChange={change} errors={check.data?.errors ?? []} />
      )}
      {view === "yaml" && (
        <YamlEditor
          label={`YAML of the ${info.noun}`}
          value={text ?? ""}
          onChange={changeText}
          faults={faults.map((fault) => ({ ...fault, severity: "error" }))}
        />
      )}
      {view === "yaml" && faults[0] && <Alert variant="danger" isInline title={faults[0].message} />}
      {view === "review" && draft.name && <Review manifests={[manifestOf(draft)]} />}
      <Findings check={view === "form" ? check.data : check.data && everywhere(check.data)} />
      {write.error && !isStale && <Refusal error={write.error} force={isForced} setForced={setForced} />}
      <ActionGroup className="edit-actions">
        <Button
          variant="primary"
          isLoading={write.isPending}
          isDisabled={!draft.name || !isWritten || isStale || write.isPending}
          onClick={save}
        >
          {isNew ? `Create the ${info.noun}` : "Save"}
        </Button>{" "}
        <Button variant="link" onClick={() => history.back()}>
          Cancel
        </Button>{" "}
        <CopyAs
          cli={`ovsfleet apply -f - <<'EOF'\n${yamlOf(manifestOf(draft))}EOF`}
          request={{ method: "POST", path: "/v1/apply", body: { objects: [manifestOf(draft)] } }}
        />
      </ActionGroup>
    </>
  );
}

/** Beside the YAML there is no field to stand by: everything is told in one place. */
function everywhere<T extends { errors: readonly { pointer: string; detail: string }[] }>(check: T): T {
  const errors = check.errors.map((error) => ({
    ...error,
    detail: `${error.pointer.slice(1).replaceAll("/", ".")}: ${error.detail}`,
    pointer: `:${error.pointer}`,
  }));
  return { ...check, errors };
}

interface StaleProps {
  info: KindInfo;
  base: Draft;
  mine: Draft;
  onSettled: (draft: Draft, theirs: StoredObject) => void;
}

function StaleDraft({ info, base, mine, onSettled }: StaleProps) {
  const theirs = useObject<StoredObject>({ kind: info.kind, name: mine.name, project: mine.project });
  if (theirs.error instanceof ApiError && theirs.error.status === 404)
    return (
      <Alert variant="danger" isInline title={`Somebody else deleted the ${info.noun} meanwhile.`}>
        Nothing was written. Create it again from its YAML if it shall be there.
      </Alert>
    );
  if (!theirs.data) return null;
  const { data } = theirs;
  return (
    <Conflict
      base={base}
      mine={mine}
      theirs={draftOf(data)}
      revision={data.metadata.revision}
      onSettled={(settled) => onSettled(settled, data)}
    />
  );
}

interface RefusalProps {
  error: Error;
  force: boolean;
  setForced: (force: boolean) => void;
}

function Refusal({ error, force, setForced }: RefusalProps) {
  const errors = error instanceof ApiError ? error.errors : [];
  const mayForce = errors.some(({ fix }) => fix.includes("force"));
  return (
    <Alert variant="danger" isInline title={<Message text={error.message} />}>
      {errors.map(({ code, detail, fix, pointer }) => (
        <p key={`${code} ${pointer}`}>
          <span className="mono">{pointer}</span> <Message text={`${detail} ${fix}`} />
        </p>
      ))}
      {mayForce && (
        <Checkbox
          id="edit-force"
          label="Do it all the same: it goes on trial, and is undone where the controller is not reached with it"
          isChecked={force}
          onChange={(_, wanted) => setForced(wanted)}
        />
      )}
    </Alert>
  );
}
