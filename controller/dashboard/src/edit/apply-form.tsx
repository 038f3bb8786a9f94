/** Manifests as text, what applying them would do, and the button that does it. */

import { Alert, Button, Card, CardBody, CardTitle } from "@patternfly/react-core";
import { FormGroup, FormHelperText, HelperText, HelperTextItem } from "@patternfly/react-core";
import { Stack, StackItem, TextInput } from "@patternfly/react-core";
import { useMemo, useState } from "react";
import { CopyAs } from "../copy/copy-as";
import { shellWord, withInput } from "../copy/shell";
import { Message } from "../status/message";
import { seenBy, useApply, usePlan, type ChangeResult } from "./apply-queries";
import { YamlEditor } from "./code-editor";
import { FileDrop } from "./file-drop";
import { useUnsavedGuard } from "./guard";
import { FaultList, PlanCard } from "./plan";
import { faultAt, read, type ParseFault } from "./positions";
import { useSettled } from "./queries";
import { Refusal } from "./refusal";
import { useRequestKey } from "./request-key";

export function ApplyForm({ onApplied }: { onApplied: (result: ChangeResult) => void }) {
  const [text, setText] = useState("");
  const [prune, setPrune] = useState("");
  const [confirmed, setConfirmed] = useState({ count: "", names: "" });
  const [isForced, setForced] = useState(false);
  const asked = { text: useSettled(text), prune: useSettled(prune.trim()) };
  const { documents, faults } = useMemo(() => read(asked.text), [asked.text]);
  const isReadable = faults.length === 0 && (documents.length > 0 || asked.prune !== "");
  const plan = usePlan(asked, isReadable);
  const apply = useApply();
  const requestKey = useRequestKey();
  useUnsavedGuard(text.trim() !== "");

  const isCurrent = asked.text === text && asked.prune === prune.trim() && !plan.isPlaceholderData && !plan.isFetching;
  const found = isReadable && isCurrent ? plan.data : undefined;
  const results = found?.result?.results ?? [];
  const deletions = results.filter(({ action }) => action === "deleted");
  const deleted = deletions.length;
  const names = JSON.stringify(deletions.map(({ kind, project, name }) => [kind, project, name]));
  // The number was typed for what was named then.
  const typed = confirmed.names === names ? confirmed.count : "";
  const changed = results.filter(({ action }) => action !== "unchanged").length;
  const isConfirmed = deleted === 0 || typed.trim() === String(deleted);
  const marks = useMemo(
    () => [...faults, ...(found?.errors ?? []).flatMap((error) => faultOf(documents, error))],
    [documents, faults, found],
  );
  const pruneErrors = (found?.errors ?? []).filter(({ pointer }) => pointer.startsWith("/prune"));
  // A person has confirmed and forced what was planned, and nothing else.
  const change = () => {
    apply.reset();
    setForced(false);
  };
  const write = (changed: string) => {
    change();
    setText(changed);
  };
  const run = (plan: ChangeResult) => {
    const seen = seenBy(plan);
    const key = requestKey.keyOf(JSON.stringify([asked, seen, isForced]));
    const onSuccess = (result: ChangeResult) => {
      requestKey.renew();
      onApplied(result);
    };
    apply.mutate({ ...asked, count: deleted, seen, force: isForced, key }, { onSuccess });
  };

  return (
    <Stack hasGutter>
      <StackItem>
        <Card component="section" aria-labelledby="manifests-title">
          <CardTitle component="h2" id="manifests-title">
            Manifests
          </CardTitle>
          <CardBody>
            <FileDrop text={text} setText={write}>
              <YamlEditor
                label="Manifests as YAML"
                placeholder="Paste manifests here, or drop files: YAML, one document for each object"
                value={text}
                onChange={write}
                faults={marks.map((fault) => ({ ...fault, severity: "error" }))}
              />
            </FileDrop>
            <FormGroup label="Prune by labels" fieldId="apply-prune" className="edit-prune">
              <TextInput
                id="apply-prune"
                value={prune}
                placeholder="nothing is deleted"
                validated={pruneErrors.length > 0 ? "error" : "default"}
                aria-describedby="apply-prune-help"
                onChange={(_, changed) => {
                  change();
                  setPrune(changed);
                }}
              />
              <FormHelperText>
                <HelperText id="apply-prune-help">
                  {pruneErrors.map(({ detail, fix }) => (
                    <HelperTextItem key={detail} variant="error">
                      <Message text={`${detail}: ${fix}`} />
                    </HelperTextItem>
                  ))}
                  <HelperTextItem>
                    <Message text="What has these labels and is not above is deleted in the same revision: `app=shop,tier in (web,db)`." />
                  </HelperTextItem>
                </HelperText>
              </FormHelperText>
            </FormGroup>
          </CardBody>
        </Card>
      </StackItem>
      {faults.length > 0 && (
        <StackItem>
          <FaultList title="This is not YAML yet" text={asked.text} faults={faults} />
        </StackItem>
      )}
      {isReadable && (
        <StackItem>
          <PlanCard text={asked.text} query={plan} isCurrent={isCurrent} marks={marks} />
        </StackItem>
      )}
      {apply.error && (
        <StackItem>
          <Refusal error={apply.error} force={isForced} setForced={setForced} />
        </StackItem>
      )}
      {deleted > 0 && (
        <StackItem>
          <Alert
            variant="warning"
            isInline
            title={deleted === 1 ? "One object is deleted" : `${deleted} objects are deleted`}
          >
            <FormGroup label={`Type ${deleted} to go on`} fieldId="apply-count">
              <TextInput
                id="apply-count"
                className="edit-count"
                value={typed}
                inputMode="numeric"
                autoComplete="off"
                onChange={(_, count) => setConfirmed({ count, names })}
              />
            </FormGroup>
          </Alert>
        </StackItem>
      )}
      <StackItem>
        <div className="edit-actions">
          <Button
            variant="primary"
            isLoading={apply.isPending}
            isDisabled={!found?.result || changed === 0 || !isConfirmed || apply.isPending}
            onClick={() => found?.result && run(found.result)}
          >
            {changed > 0 ? `Apply ${changed} ${changed === 1 ? "change" : "changes"}` : "Apply"}
          </Button>
          {text.trim() !== "" && <CopyAs cli={commandOf(text, prune.trim(), deleted)} request={requestOf(text, prune.trim())} />}
        </div>
      </StackItem>
    </Stack>
  );
}

function faultOf(documents: Parameters<typeof faultAt>[0], error: { pointer: string; detail: string }): ParseFault[] {
  const fault = faultAt(documents, error.pointer, error.detail);
  return fault ? [fault] : [];
}

function commandOf(text: string, prune: string, deleted: number): string {
  const options = prune ? ` --prune -l ${shellWord(prune)}${deleted > 0 ? ` --confirm-count ${deleted}` : ""}` : "";
  return withInput(`ovsfleet apply${options} -f -`, text.trimEnd());
}

const requestOf = (text: string, prune: string) => ({
  method: "POST" as const,
  path: `/v1/apply${prune ? `?prune_selector=${encodeURIComponent(prune)}` : ""}`,
  body: text,
  headers: { "Content-Type": "application/yaml" },
});
