/** Makes a webhook: where to, of what, and the secret that its messages are signed with, once. */

import { Alert, Button, Checkbox, ClipboardCopy, Form, FormGroup, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, document } from "../api/client";
import type { components } from "../api/schema";
import { useSession } from "../session/session";
import { useWhoAmI } from "../session/whoami";
import { Message } from "../status/message";

type Asked = components["schemas"]["WebhookRequest"];
type Event = Asked["events"][number];
type Made = components["schemas"]["NewWebhookDocument"];

const EVENTS: readonly Event[] = [
  "object.created",
  "object.updated",
  "object.deleted",
  "object.realized",
  "object.degraded",
  "object.failed",
  "host.connected",
  "host.silent",
];
/** What most people want to be woken by. */
const USUAL: readonly Event[] = ["object.failed", "host.silent"];

export function NewWebhook() {
  const who = useWhoAmI().data;
  const [isOpen, setOpen] = useState(false);
  const [made, setMade] = useState<Made | null>(null);
  if (!who?.roles.includes("network-admin") || who.projects !== null) return null;
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

function Secret({ made, close }: { made: Made; close: () => void }) {
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

function NewForm({ close, onMade }: { close: () => void; onMade: (made: Made) => void }) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  const [name, setName] = useState("");
  const [url, setUrl] = useState("");
  const [events, setEvents] = useState(USUAL);
  const create = useMutation<Made>({
    mutationFn: async () => {
      const body: Asked = { name, url, events: [...events], kinds: null, project: null, label_selector: "", secret: null };
      return document(await api.POST("/v1/webhooks", { body }));
    },
    onSuccess: (made) => {
      void queryClient.invalidateQueries({ queryKey: ["webhooks"] });
      onMade(made);
    },
  });
  const isComplete = name !== "" && url !== "" && events.length > 0;
  return (
    <Form
      aria-label="New webhook"
      onSubmit={(event) => {
        event.preventDefault();
        if (isComplete) create.mutate();
      }}
    >
      <FormGroup label="Name" fieldId="webhook-name" isRequired>
        <TextInput id="webhook-name" value={name} onChange={(_, text) => setName(text)} />
      </FormGroup>
      <FormGroup label="URL" fieldId="webhook-url" isRequired>
        <TextInput
          id="webhook-url"
          value={url}
          placeholder="https://alerts.example/ovsfleet"
          onChange={(_, text) => setUrl(text)}
        />
      </FormGroup>
      <FormGroup label="Events" role="group" isRequired className="settings-events">
        {EVENTS.map((each) => (
          <Checkbox
            key={each}
            id={`webhook-${each}`}
            label={each}
            isChecked={events.includes(each)}
            onChange={(_, isWanted) =>
              setEvents((before) => (isWanted ? [...before, each] : before.filter((other) => other !== each)))
            }
          />
        ))}
      </FormGroup>
      {create.error && <Refusal error={create.error} />}
      <div>
        <Button type="submit" isDisabled={!isComplete || create.isPending} isLoading={create.isPending}>
          Create it
        </Button>{" "}
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}

function Refusal({ error }: { error: Error }) {
  const errors = error instanceof ApiError ? error.errors : [];
  return (
    <Alert variant="danger" isInline title={<Message text={error.message} />}>
      {errors.map(({ code, detail, fix, pointer }) => (
        <p key={`${code} ${pointer}`}>
          <span className="mono">{pointer}</span> <Message text={[detail, fix].filter(Boolean).join(": ")} />
        </p>
      ))}
    </Alert>
  );
}
