/** Fields that belong together, such as those of a bond: there or not there as a whole. */

import { Switch } from "@patternfly/react-core";
import { useId } from "react";
import { Message } from "../status/message";
import { isValues, withValue } from "./drafts";
import { below, FieldInput, type InputProps } from "./field-input";
import { labelOf, ordered } from "./fields";
import { Help } from "./help";

export function GroupInput({ field, value, onChange, errors }: InputProps) {
  const id = useId();
  const isThere = isValues(value);
  const fields = ordered(field.fields ?? []);
  return (
    <fieldset className="edit-group edit-wide">
      <legend>{labelOf(field.name)}</legend>
      {field.description && (
        <p className="muted detail">
          <Message text={field.description} />
        </p>
      )}
      {!field.required && (
        <Switch
          label={isThere ? "Set as below" : "Not set"}
          isChecked={isThere}
          aria-label={`Set ${labelOf(field.name)}`}
          onChange={(_, wanted) => onChange(wanted ? {} : undefined)}
        />
      )}
      {(isThere || field.required) && (
        <div className="edit-fields">
          {fields.map((inner) => (
            <FieldInput
              key={inner.name}
              field={inner}
              value={isThere ? value[inner.name] : undefined}
              onChange={(changed) => onChange(withValue(isThere ? value : {}, [inner.name], changed))}
              errors={below(errors, inner.name)}
            />
          ))}
        </div>
      )}
      <Help id={id} errors={errors.filter(({ pointer }) => pointer === "")} text="" />
    </fieldset>
  );
}
