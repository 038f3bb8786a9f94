/** A draft as a form: what most people need, and the rest folded away. */

import { ExpandableSection, Form, FormGroup, TextInput } from "@patternfly/react-core";
import { useState } from "react";
import type { ProblemError } from "../api/documents";
import { infoOf } from "../kinds/kinds";
import { useWhoAmI } from "../session/whoami";
import { DraftContext } from "./context";
import { withValue, type Draft } from "./drafts";
import { below, FieldInput } from "./field-input";
import { Help } from "./help";
import { sorted, type Field, type Values } from "./fields";
import { MapInput } from "./map-input";

interface Props {
  draft: Draft;
  isNew: boolean;
  onChange: (draft: Draft) => void;
  errors: readonly ProblemError[];
}

export function SpecForm({ draft, isNew, onChange, errors }: Props) {
  const specErrors = below(errors, "spec");
  const faulty = specErrors.map(({ pointer }) => pointer.split("/")[1] ?? "");
  const { first, more } = sorted(draft.kind, draft.spec, faulty);
  const [isOpen, setOpen] = useState(false);
  const hasFaults = more.some(({ name }) => below(specErrors, name).length > 0);
  const setSpec = (spec: Values) => onChange({ ...draft, spec });
  return (
    <DraftContext value={draft}>
      <Form onSubmit={(event) => event.preventDefault()}>
        <Identity draft={draft} isNew={isNew} onChange={onChange} errors={below(errors, "metadata")} />
        <Fields fields={first} spec={draft.spec} onChange={setSpec} errors={specErrors} />
        <Labels draft={draft} onChange={onChange} errors={below(errors, "metadata")} />
        {more.length > 0 && (
          <ExpandableSection
            toggleText={`More settings (${more.length})`}
            isExpanded={isOpen || hasFaults}
            onToggle={(_, wanted) => setOpen(wanted)}
          >
            <Fields fields={more} spec={draft.spec} onChange={setSpec} errors={specErrors} />
          </ExpandableSection>
        )}
      </Form>
    </DraftContext>
  );
}

interface FieldsProps {
  fields: Field[];
  spec: Values;
  onChange: (spec: Values) => void;
  errors: readonly ProblemError[];
}

function Fields({ fields, spec, onChange, errors }: FieldsProps) {
  return (
    <div className="edit-fields">
      {fields.map((field) => (
        <FieldInput
          key={field.name}
          field={field}
          value={spec[field.name]}
          onChange={(value) => onChange(withValue(spec, [field.name], value))}
          errors={below(errors, field.name)}
        />
      ))}
    </div>
  );
}

function Identity({ draft, isNew, onChange, errors }: Props) {
  const { kind, name, project } = draft;
  const projects = useWhoAmI().data?.projects ?? [];
  return (
    <div className="edit-fields">
      <FormGroup label="Name" fieldId="edit-name" isRequired>
        <TextInput
          id="edit-name"
          value={name}
          isRequired
          isDisabled={!isNew}
          autoComplete="off"
          validated={validatedOf(errors, "name")}
          aria-describedby="edit-name-help"
          onChange={(_, changed) => onChange({ ...draft, name: changed })}
        />
        <Help id="edit-name-help" errors={below(errors, "name")} text="What the API, the command line and other objects call it. Fixed once it is created." />
      </FormGroup>
      {infoOf(kind).ofProjects && (
        <FormGroup label="Project" fieldId="edit-project">
          <TextInput
            id="edit-project"
            value={project}
            isDisabled={!isNew}
            list="edit-projects"
            autoComplete="off"
            validated={validatedOf(errors, "project")}
            aria-describedby="edit-project-help"
            onChange={(_, changed) => onChange({ ...draft, project: changed })}
          />
          <datalist id="edit-projects">
            {projects.map((one) => (
              <option key={one} value={one} />
            ))}
          </datalist>
          <Help id="edit-project-help" errors={below(errors, "project")} text="Whose it is. Fixed once it is created." />
        </FormGroup>
      )}
    </div>
  );
}

function Labels({ draft, onChange, errors }: Omit<Props, "isNew">) {
  return (
    <FormGroup label="Labels" fieldId="edit-labels">
      <MapInput
        id="edit-labels"
        label="labels"
        value={draft.labels}
        onChange={(changed) => onChange({ ...draft, labels: (changed ?? {}) as Record<string, string> })}
      />
      <Help id="edit-labels-help" errors={below(errors, "labels")} text="To find it by, and to choose it by selectors." />
    </FormGroup>
  );
}

const validatedOf = (errors: readonly ProblemError[], name: string) =>
  below(errors, name).length > 0 ? "error" : "default";
