/** Where a webhook tells, of which events, and of which objects. */

import { Button, Checkbox, ExpandableSection, Form, FormGroup, FormHelperText } from "@patternfly/react-core";
import { HelperText, HelperTextItem, TextInput } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { KINDS, type Kind } from "../kinds/kinds";
import { EVENTS, kindsOf, type Asked } from "./webhooks";

interface Props {
  label: string;
  /** On the button that sends it. */
  verb: string;
  start: Asked;
  isNew: boolean;
  isPending: boolean;
  /** Why it was not done. */
  refusal: ReactNode;
  send: (asked: Asked) => void;
  close: () => void;
}

const ALL_KINDS = KINDS.map(({ kind }) => kind);

export function WebhookForm({ label, verb, start, isNew, isPending, refusal, send, close }: Props) {
  const [asked, setAsked] = useState(start);
  const put = (changes: Partial<Asked>) => setAsked((before) => ({ ...before, ...changes }));
  const isComplete = asked.name !== "" && asked.url !== "" && asked.events.length > 0;
  return (
    <Form
      aria-label={label}
      onSubmit={(event) => {
        event.preventDefault();
        if (isComplete) send(asked);
      }}
    >
      {isNew && <Text id="name" label="Name" isRequired value={asked.name} put={(name) => put({ name })} />}
      <Text
        id="url"
        label="URL"
        isRequired
        value={asked.url}
        put={(url) => put({ url })}
        hint="https://alerts.example/ovsfleet"
      />
      <Choices
        label="Events"
        isRequired
        all={EVENTS}
        chosen={asked.events}
        choose={(events) => put({ events })}
      />
      <Narrowed asked={asked} put={put} isNew={isNew} />
      {refusal}
      <div>
        <Button type="submit" isDisabled={!isComplete || isPending} isLoading={isPending}>
          {verb}
        </Button>{" "}
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
      </div>
    </Form>
  );
}

interface NarrowedProps {
  asked: Asked;
  put: (changes: Partial<Asked>) => void;
  isNew: boolean;
}

/** Which of the objects it tells of; open where any are left out. */
function Narrowed({ asked, put, isNew }: NarrowedProps) {
  const { kinds, project, label_selector: labels } = asked;
  const [isOpen, setOpen] = useState(kinds !== null || project !== null || labels !== "");
  return (
    <ExpandableSection
      toggleText="Only of some objects, and the secret"
      isExpanded={isOpen}
      onToggle={(_, wanted) => setOpen(wanted)}
      isIndented
    >
      <div className="settings-stack">
        <Choices
          label="Kinds"
          help="None chosen is all of them."
          all={ALL_KINDS}
          chosen={kinds ?? []}
          choose={(chosen) => put({ kinds: kindsOf(chosen, ALL_KINDS) })}
        />
        <Text
          id="project"
          label="Project"
          help="Empty is all of them."
          value={project ?? ""}
          put={(text) => put({ project: text || null })}
        />
        <Text
          id="labels"
          label="Labels"
          hint="tier=web,!canary"
          help="Only of objects with such labels; empty is all."
          value={labels ?? ""}
          put={(label_selector) => put({ label_selector })}
        />
        <Text
          id="secret"
          label={isNew ? "Secret" : "New secret"}
          help={`whsec_ and 24 to 64 random bytes in base64; empty ${isNew ? "has one made" : "keeps the one it has"}.`}
          value={asked.secret ?? ""}
          put={(text) => put({ secret: text || null })}
        />
      </div>
    </ExpandableSection>
  );
}

interface TextProps {
  id: string;
  label: string;
  value: string;
  put: (text: string) => void;
  isRequired?: boolean;
  hint?: string;
  help?: string;
}

function Text({ id, label, value, put, isRequired = false, hint = "", help }: TextProps) {
  const field = `webhook-${id}`;
  return (
    <FormGroup label={label} fieldId={field} isRequired={isRequired} className="settings-text">
      <TextInput
        id={field}
        value={value}
        placeholder={hint}
        autoComplete="off"
        aria-describedby={help ? `${field}-help` : undefined}
        onChange={(_, text) => put(text)}
      />
      {help && <Help id={`${field}-help`} text={help} />}
    </FormGroup>
  );
}

interface ChoicesProps<T extends string> {
  label: string;
  all: readonly T[];
  chosen: T[];
  choose: (chosen: T[]) => void;
  isRequired?: boolean;
  help?: string;
}

function Choices<T extends Kind | (typeof EVENTS)[number]>(props: ChoicesProps<T>) {
  const { label, all, chosen, choose, isRequired = false, help } = props;
  return (
    <FormGroup label={label} role="group" isRequired={isRequired} className="settings-choices">
      {all.map((each) => (
        <Checkbox
          key={each}
          id={`webhook-${each}`}
          label={each}
          isChecked={chosen.includes(each)}
          onChange={(_, isWanted) => choose(isWanted ? [...chosen, each] : chosen.filter((other) => other !== each))}
        />
      ))}
      {help && <Help text={help} />}
    </FormGroup>
  );
}

function Help({ id, text }: { id?: string; text: string }) {
  return (
    <FormHelperText>
      <HelperText>
        <HelperTextItem {...(id !== undefined && { id })}>{text}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}
