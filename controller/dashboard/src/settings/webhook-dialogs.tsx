/** Makes, changes and deletes webhooks. */

import { Alert, Button, ClipboardCopy } from "@patternfly/react-core";
import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, document } from "../api/client";
import { ConfirmDialog } from "../chrome/confirm-dialog";
import { shellWord } from "../copy/shell";
import { Refusal } from "../status/refusal";
import { WebhookForm } from "./webhook-form";
import { askedOf, EMPTY, matching, useMayWriteWebhooks, useWebhookWrite, WEBHOOKS } from "./webhooks";
import type { Asked, NewWebhook, Webhook } from "./webhooks";

export function CreateWebhook() {
  const mayWrite = useMayWriteWebhooks();
  const [isOpen, setOpen] = useState(false);
  const [made, setMade] = useState<NewWebhook | null>(null);
  if (!mayWrite) return null;
  return (
    <div className="settings-stack">
      {made && <Secret made={made} close={() => setMade(null)} />}
      {isOpen ? (
        <NewForm
          close={() => setOpen(false)}
          onMade={(webhook) => {
            setMade(webhook);
            setOpen(false);
          }}
        />
      ) : (
        <Button variant="secondary" onClick={() => setOpen(true)}>
          Create a webhook
        </Button>
      )}
    </div>
  );
}

function NewForm({ close, onMade }: { close: () => void; onMade: (made: NewWebhook) => void }) {
  const creation = useWebhookWrite(
    async (api, body: Asked) => document(await api.POST("/v1/webhooks", { body })),
    onMade,
  );
  return (
    <WebhookForm
      label="New webhook"
      verb="Create it"
      start={EMPTY}
      isNew
      isPending={creation.isPending}
      refusal={creation.error && <Refusal error={creation.error} isOfFields />}
      send={creation.mutate}
      close={close}
    />
  );
}

function Secret({ made, close }: { made: NewWebhook; close: () => void }) {
  return (
    <Alert
      variant="success"
      isInline
      title={`The secret of ${made.name}, which is not shown again`}
      actionLinks={
        <Button variant="link" isInline onClick={close}>
          I have it
        </Button>
      }
    >
      <p>Its messages are signed with this; the receiver needs it to tell them from others.</p>
      <ClipboardCopy isReadOnly isCode hoverTip="Copy" clickTip="Copied" textAriaLabel={`Secret of ${made.name}`}>
        {made.secret}
      </ClipboardCopy>
    </Alert>
  );
}

interface DialogProps {
  webhook: Webhook;
  close: () => void;
}

/** What was typed goes with the revision that it began with: nobody's change is overwritten unseen. */
export function EditWebhook({ webhook, close }: DialogProps) {
  const [base, setBase] = useState(webhook);
  const queryClient = useQueryClient();
  const change = useWebhookWrite(async (api, body: Asked) => {
    const params = { path: { name: base.name }, header: matching(base) };
    return document(await api.PUT("/v1/webhooks/{name}", { params, body }));
  }, close);
  const isStale = change.error instanceof ApiError && change.error.status === 412;
  const again = async () => {
    await queryClient.refetchQueries({ queryKey: WEBHOOKS, exact: true });
    change.reset();
    const newest = queryClient.getQueryData<Webhook[]>(WEBHOOKS)?.find(({ uid }) => uid === webhook.uid);
    if (newest) setBase(newest);
    else close();
  };
  const refusal = change.error && (
    <Refusal error={change.error} isOfFields>
      {isStale && (
        <Button variant="link" isInline onClick={() => void again()}>
          Show how it is now
        </Button>
      )}
    </Refusal>
  );
  return (
    <Modal isOpen onClose={close} variant="medium" aria-labelledby="webhook-title">
      <ModalHeader title={`Change webhook ${base.name}`} labelId="webhook-title" />
      <ModalBody tabIndex={0}>
        <WebhookForm
          key={base.revision}
          label={`Webhook ${base.name}`}
          verb="Save"
          start={askedOf(base)}
          isNew={false}
          isPending={change.isPending}
          refusal={refusal}
          send={change.mutate}
          close={close}
        />
      </ModalBody>
    </Modal>
  );
}

export function DeleteWebhook({ webhook, close }: DialogProps) {
  const { name, unfinished } = webhook;
  const [base] = useState(webhook);
  const deletion = useWebhookWrite(async (api) => {
    await api.DELETE("/v1/webhooks/{name}", { params: { path: { name }, header: matching(base) } });
  }, close);
  const waiting = unfinished === 1 ? "The message that waits" : `The ${unfinished} messages that wait`;
  return (
    <ConfirmDialog
      title={`Delete webhook ${name}?`}
      verb="Delete"
      isDanger
      mustType={name}
      operation={deletion}
      close={close}
      cli={`ovsfleet webhooks delete ${shellWord(name)}`}
      request={{
        method: "DELETE",
        path: `/v1/webhooks/${encodeURIComponent(name)}`,
        headers: { "If-Match": `"${base.revision}"` },
      }}
    >
      <p>
        Nothing is told to <span className="mono fact-text">{webhook.url}</span> any more, and its secret is forgotten.
        {unfinished > 0 && ` ${waiting} for it will not be sent.`}
      </p>
    </ConfirmDialog>
  );
}
