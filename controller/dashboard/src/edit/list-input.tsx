/** Several values of one kind: a line each, or a group of fields each. */

import { Button, TextInput } from "@patternfly/react-core";
import { FormSelect, FormSelectOption } from "@patternfly/react-core";
import MinusCircleIcon from "@patternfly/react-icons/dist/esm/icons/minus-circle-icon";
import PlusCircleIcon from "@patternfly/react-icons/dist/esm/icons/plus-circle-icon";
import { useState } from "react";
import { isValues, withValue } from "./drafts";
import { below, FieldInput, type InputProps } from "./field-input";
import { inSentence, labelOf, ordered, REFERENCES, type Field } from "./fields";
import { ReferenceInput } from "./reference-input";

export function ListInput({ id, field, value, onChange, errors }: InputProps & { id: string }) {
  const blank = field.items?.type === "object" ? {} : "";
  const given: unknown[] = Array.isArray(value) ? value : [];
  // What has to be there is asked for at once.
  const least = leastOf(field);
  const items = [...given, ...Array.from({ length: Math.max(0, least - given.length) }, () => blank)];
  // Whoever adds a line goes on typing in it.
  const [added, setAdded] = useState(-1);
  const put = (changed: unknown[]) => onChange(changed.length > least || changed.some(isWritten) ? changed : undefined);
  const label = labelOf(field.name);
  return (
    <div className={field.name === ENDS ? "edit-ends" : undefined}>
      {items.map((item, index) => (
        // Lines have no identity but their place.
        <div key={index} className="edit-row">
          <Item
            id={index === 0 ? id : `${id}-${index}`}
            label={`${label}, ${index + 1}`}
            field={field}
            item={item}
            isAdded={index === added}
            onChange={(changed) => put(items.with(index, changed))}
            hasError={below(errors, index).length > 0}
            errors={below(errors, index)}
          />
          {items.length > least && (
            <Button
              variant="plain"
              aria-label={`Remove ${label}, ${index + 1}`}
              icon={<MinusCircleIcon />}
              onClick={() => put(items.toSpliced(index, 1))}
            />
          )}
        </div>
      ))}
      {field.name !== ENDS && (
        <Button
          id={items.length === 0 ? id : undefined}
          variant="link"
          isInline
          // The field's label would be its name otherwise.
          aria-label={`Add to ${inSentence(label)}`}
          icon={<PlusCircleIcon />}
          onClick={() => {
            setAdded(items.length);
            onChange([...items, blank]);
          }}
        >
          Add to {inSentence(label)}
        </Button>
      )}
    </div>
  );
}

/** Of a tunnel: two, no more and no less. */
const ENDS = "ends";

const leastOf = ({ name, required }: Field): number => (name === ENDS ? 2 : required ? 1 : 0);

const isWritten = (item: unknown): boolean => (isValues(item) ? Object.keys(item).length > 0 : item !== "");

interface ItemProps {
  id: string;
  label: string;
  field: Field;
  item: unknown;
  isAdded: boolean;
  onChange: (item: unknown) => void;
  hasError: boolean;
  errors: InputProps["errors"];
}

function Item({ id, label, field, item, isAdded, onChange, hasError, errors }: ItemProps) {
  const { items } = field;
  const validated = hasError ? "error" : "default";
  if (items?.fields) {
    const values = isValues(item) ? item : {};
    return (
      <fieldset className="edit-group edit-fields">
        <legend>{label}</legend>
        {ordered(items.fields).map((inner) => (
          <FieldInput
            key={inner.name}
            field={inner}
            value={values[inner.name]}
            onChange={(changed) => onChange(withValue(values, [inner.name], changed))}
            errors={below(errors, inner.name)}
          />
        ))}
      </fieldset>
    );
  }
  const common = { id, "aria-label": label, validated } as const;
  if (items?.options)
    return (
      <FormSelect {...common} value={String(item)} onChange={(_, chosen) => onChange(chosen)}>
        <FormSelectOption value="" label="Choose one" />
        {items.options.map((option) => (
          <FormSelectOption key={option} value={option} label={option} />
        ))}
      </FormSelect>
    );
  const kind = REFERENCES[field.name];
  if (kind)
    return (
      <ReferenceInput
        {...common}
        kind={kind}
        autoFocus={isAdded}
        value={String(item)}
        onChange={(name) => onChange(name ?? "")}
      />
    );
  return (
    <TextInput
      {...common}
      autoFocus={isAdded}
      value={String(item)}
      onChange={(_, text) =>
        onChange(items?.type === "integer" && /^-?\d+$/.test(text) ? Number(text) : text)
      }
    />
  );
}
