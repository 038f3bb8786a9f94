/** A draft as a form: what most people need, and the rest folded away. */

import { ExpandableSection, Form, FormGroup, TextInput } from "@patternfly/react-core";
import { FormHelperText, HelperText, HelperTextItem } from "@patternfly/react-core";
import { useState } from "react";
import type { ProblemError } from "../api/documents";
import { infoOf } from "../kinds/kinds";
import { withValue, type Draft } from "./drafts";
import { below, FieldInput } from "./field-input";
import { sorted, type Field, type Values } from "./fields";
import { MapInput } from "./map-input";

interface Props {
  draft: Draft;
  isNew: boolean;
  onChange: (draft: Draft) => void;
  errors: readonly ProblemError[];
}

export function SpecForm({ draft, isNew, onChange, errors }: Props) {
  const { first, more } = sorted(draft.kind, draft.spec);
  const specErrors = below(errors, "spec");
  const [isOpen, setOpen] = useState(false);
  const hasFaults = more.some(({ name }) => below(specErrors, name).length > 0);
  const setSpec = (spec: Values) => onChange({ ...draft, spec });
  return (
    <Form onSubmit={(event) => event.preventDefault()}>
      <Identity draft={draft} isNew={isNew} onChange={onChange} errors={below(errors, "metadata")} />
      <Fields fields={first} spec={draft.spec} onChange={setSpec} errors={specErrors} />
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
  const { kind, name, project, labels } = draft;
  const nameErrors = below(errors, "name");
  return (
    <div className="edit-fields">
      <FormGroup label="Name" fieldId="edit-name" isRequired>
        <TextInput
          id="edit-name"
          value={name}
          isRequired
          isDisabled={!isNew}
          validated={nameErrors.length > 0 ? "error" : "default"}
          onChange={(_, changed) => onChange({ ...draft, name: changed })}
        />
        {nameErrors.length > 0 && (
          <FormHelperText>
            <HelperText isLiveRegion>
              {nameErrors.map(({ detail }) => (
                <HelperTextItem key={detail} variant="error">
                  {detail}
                </HelperTextItem>
              ))}
            </HelperText>
          </FormHelperText>
        )}
      </FormGroup>
      {infoOf(kind).ofProjects && (
        <FormGroup label="Project" fieldId="edit-project">
          <TextInput
            id="edit-project"
            value={project}
            isDisabled={!isNew}
            onChange={(_, changed) => onChange({ ...draft, project: changed })}
          />
        </FormGroup>
      )}
      <FormGroup label="Labels" fieldId="edit-labels" className="edit-wide">
        <MapInput
          id="edit-labels"
          label="labels"
          value={labels}
          onChange={(changed) => onChange({ ...draft, labels: (changed ?? {}) as Record<string, string> })}
        />
      </FormGroup>
    </div>
  );
}
