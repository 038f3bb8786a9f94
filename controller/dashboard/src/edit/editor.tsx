/** One draft, its three views, and the way to the store. */

import { Alert, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useEffect, useMemo, useRef, useState } from "react";
import { useLocation } from "wouter";
import { ApiError } from "../api/client";
import type { StoredObject } from "../api/objects";
import { ObjectLink } from "../kinds/object-link";
import { pathOf, type KindInfo } from "../kinds/kinds";
import { Actions } from "./actions";
import { YamlEditor } from "./code-editor";
import { draftOf, emptyDraft, manifestOf, nextOf, parse, yamlOf, type Draft } from "./drafts";
import { told } from "./faults";
import { useUnsavedGuard } from "./guard";
import { Lost } from "./lost";
import { same } from "./merge";
import { faultAt, hasComments, read, type ParseFault } from "./positions";
import { useCheck, useWrite, type Written } from "./queries";
import { Refusal } from "./refusal";
import { useRequestKey } from "./request-key";
import { Findings, Review } from "./review";
import { SpecForm } from "./spec-form";
import { StaleDraft } from "./stale-draft";

interface Props {
  info: KindInfo;
  /** As it was when the editing began; what arrives meanwhile does not overwrite what is typed. */
  stored: StoredObject | null;
  initial: Draft;
  /** What it shall become, as far as that is known already. */
  begun?: Draft | undefined;
  /** Why it could not be read again since. */
  lost?: Error | null;
}

type View = "form" | "yaml" | "review";

const PANEL = "edit-view";

export function Editor({ info, stored, initial, begun = initial, lost = null }: Props) {
  const [base, setBase] = useState({ draft: initial, revision: stored?.metadata.revision ?? null });
  const [draft, setDraft] = useState(begun);
  const [text, setText] = useState<string | null>(null);
  const [faults, setFaults] = useState<readonly ParseFault[]>([]);
  const [view, setView] = useState<View>("form");
  const [isForced, setForced] = useState(false);
  const [isTried, setTried] = useState(false);
  const [former, setFormer] = useState<Written | null>(null);
  const [, navigate] = useLocation();
  const form = useRef<HTMLDivElement>(null);
  const write = useWrite();
  const requestKey = useRequestKey();
  const isWritten = faults.length === 0;
  const check = useCheck(isWritten ? draft : null);
  const isNew = base.revision === null;
  const isStale = !isNew && write.error instanceof ApiError && [404, 412].includes(write.error.status);
  const errors = told(info, check.data, write.error, { isNew, isTried });
  const isUnsaved = !isWritten || !same(manifestOf(draft), manifestOf(base.draft));
  const letGo = useUnsavedGuard(isUnsaved);

  useEffect(() => {
    if (write.error) form.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus();
  }, [write.error]);

  const change = (changed: Draft) => {
    write.reset();
    // A person has forced what was refused, and nothing else.
    setForced(false);
    setDraft(changed);
  };
  const changeText = (changed: string) => {
    setText(changed);
    const parsed = parse(changed, info.kind, isNew ? null : base.draft);
    if ("faults" in parsed) return setFaults(parsed.faults);
    setFaults([]);
    change(parsed.draft);
  };
  const show = (wanted: View) => {
    setText(wanted === "yaml" ? yamlOf(manifestOf(draft)) : null);
    setView(wanted);
  };
  const makeNew = () => {
    setBase({ draft: emptyDraft(info.kind), revision: null });
    change(draft);
  };
  const goOn = (written: Written) => {
    const next = nextOf(draft);
    setFormer(written);
    setTried(false);
    setForced(false);
    setBase({ draft: next, revision: null });
    setDraft(next);
    setText(null);
    setView("form");
    document.getElementById("edit-name")?.focus();
  };
  const leave = ({ metadata, warnings }: Written) => {
    letGo();
    navigate(pathOf(info.kind, metadata.name, metadata.project), {
      state: { written: { revision: metadata.revision, warnings, isNew } },
    });
  };
  const save = (another: boolean) => {
    setTried(true);
    const key = requestKey.keyOf(JSON.stringify([manifestOf(draft), base.revision, isForced]));
    const onSuccess = (written: Written) => {
      requestKey.renew();
      (another ? goOn : leave)(written);
    };
    write.mutate({ draft, base: base.revision, force: isForced, key }, { onSuccess });
  };

  return (
    <>
      {former && (
        <Alert variant="success" isInline isLiveRegion className="edit-notice" title={`The ${info.noun} was created`}>
          <ObjectLink kind={info.kind} name={former.metadata.name} project={former.metadata.project} /> is there in
          revision {former.metadata.revision}. Here is the next one.
        </Alert>
      )}
      <Tabs
        className="edit-tabs"
        aria-label="Ways to write it"
        activeKey={view}
        onSelect={(_, key) => isWritten && show(key as View)}
      >
        <Tab eventKey="form" tabContentId={PANEL} title={<TabTitleText>Form</TabTitleText>} isAriaDisabled={!isWritten} />
        <Tab eventKey="yaml" tabContentId={PANEL} title={<TabTitleText>YAML</TabTitleText>} />
        <Tab
          eventKey="review"
          tabContentId={PANEL}
          title={<TabTitleText>What would change</TabTitleText>}
          isAriaDisabled={!isWritten}
        />
      </Tabs>
      {lost && !isNew && !isStale && <Lost info={info} error={lost} makeNew={makeNew} />}
      {isStale && (
        <StaleDraft
          info={info}
          base={base.draft}
          mine={draft}
          attempt={write.submittedAt}
          makeNew={makeNew}
          onSettled={(settled, theirs) => {
            setBase({ draft: draftOf(theirs), revision: theirs.metadata.revision });
            change(settled);
            show("review");
          }}
        />
      )}
      <div id={PANEL} role="tabpanel" aria-label="What is written">
        {view === "form" && (
          <div ref={form}>
            <SpecForm draft={draft} isNew={isNew} onChange={change} errors={errors} />
          </div>
        )}
        {view === "yaml" && <AsYaml info={info} text={text ?? ""} faults={faults} errors={errors} onChange={changeText} />}
        {view === "review" && draft.name && <Review manifests={[manifestOf(draft)]} />}
        {view === "review" && !draft.name && <p className="muted">Give it a name first.</p>}
      </div>
      {!write.error && check.data && (
        <Findings check={check.data} errors={errors} isBesideFields={view === "form"} />
      )}
      {write.error && !isStale && <Refusal error={write.error} force={isForced} setForced={setForced} />}
      <Actions
        info={info}
        draft={draft}
        isNew={isNew}
        isPending={write.isPending}
        isReady={draft.name !== "" && isWritten && !isStale && (isNew || isUnsaved)}
        save={save}
        wayOut={isNew ? `/${info.collection}` : pathOf(info.kind, draft.name, draft.project)}
      />
    </>
  );
}

interface AsYamlProps {
  info: KindInfo;
  text: string;
  faults: readonly ParseFault[];
  errors: ReturnType<typeof told>;
  onChange: (text: string) => void;
}

function AsYaml({ info, text, faults, errors, onChange }: AsYamlProps) {
  const marks = useMemo(() => {
    const { documents } = read(text);
    const refused = errors.flatMap(({ pointer, detail }) => faultAt(documents, `/objects/0${pointer}`, detail) ?? []);
    return [...faults, ...refused].map((fault) => ({ ...fault, severity: "error" as const }));
  }, [text, faults, errors]);
  const isCommented = useMemo(() => hasComments(text), [text]);
  return (
    <>
      <YamlEditor label={`YAML of the ${info.noun}`} value={text} onChange={onChange} faults={marks} />
      {faults[0] && <Alert variant="danger" isInline isLiveRegion title={faults[0].message} />}
      {isCommented && (
        <Alert variant="info" isInline isPlain title="Comments are not stored: they are gone when this view is left." />
      )}
    </>
  );
}
