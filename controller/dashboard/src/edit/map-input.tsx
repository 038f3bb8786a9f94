/** Words by their names, such as labels and external_ids. */

import { Button, FormHelperText, HelperText, HelperTextItem, TextInput } from "@patternfly/react-core";
import MinusCircleIcon from "@patternfly/react-icons/dist/esm/icons/minus-circle-icon";
import PlusCircleIcon from "@patternfly/react-icons/dist/esm/icons/plus-circle-icon";
import { Fragment, useState } from "react";
import { isValues } from "./drafts";
import { inSentence } from "./fields";
import { same } from "./merge";

interface Props {
  id: string;
  label: string;
  value: unknown;
  onChange: (value: unknown) => void;
}

type Row = [key: string, value: string];

export function MapInput({ id, label, value, onChange }: Props) {
  const given = isValues(value) ? value : {};
  const [rows, setRows] = useState<Row[]>(() => rowsOf(given));
  // Somebody else changed it: another editor of the same draft.
  const shown = same(valueOf(rows), given) ? rows : rowsOf(given);
  const put = (changed: Row[]) => {
    setRows(changed);
    const values = valueOf(changed);
    onChange(Object.keys(values).length > 0 ? values : undefined);
  };
  return (
    <>
      {shown.map(([key, text], index) => (
        <Fragment key={index}>
          <div className="edit-row">
            <TextInput
              id={index === 0 ? id : undefined}
              aria-label={`${label}, key ${index + 1}`}
              placeholder="key"
              value={key}
              validated={rowFault(shown, index) ? "error" : "default"}
              aria-describedby={rowFault(shown, index) ? `${id}-fault-${index}` : undefined}
              onChange={(_, changed) => put(shown.with(index, [changed, text]))}
            />
            <TextInput
              aria-label={`${label}, value ${index + 1}`}
              placeholder="value"
              value={text}
              onChange={(_, changed) => put(shown.with(index, [key, changed]))}
            />
            <Button
              variant="plain"
              aria-label={`Remove ${label} ${key || index + 1}`}
              icon={<MinusCircleIcon />}
              onClick={() => put(shown.toSpliced(index, 1))}
            />
          </div>
          <RowFault id={`${id}-fault-${index}`} text={rowFault(shown, index)} />
        </Fragment>
      ))}
      <Button
        id={shown.length === 0 ? id : undefined}
        variant="link"
        isInline
        // The field's label would be its name otherwise.
        aria-label={`Add to ${inSentence(label)}`}
        icon={<PlusCircleIcon />}
        onClick={() => setRows([...shown, ["", ""]])}
      >
        Add to {inSentence(label)}
      </Button>
    </>
  );
}

function RowFault({ id, text }: { id: string; text: string }) {
  if (!text) return null;
  return (
    <FormHelperText>
      <HelperText id={id} isLiveRegion>
        <HelperTextItem variant="error">{text}</HelperTextItem>
      </HelperText>
    </FormHelperText>
  );
}

/** Of a row that is not saved as it stands there. */
function rowFault(rows: readonly Row[], index: number): string {
  const [key, value] = rows[index] ?? ["", ""];
  if (key === "") return value === "" ? "" : "It has no key, and is not saved.";
  return rows.slice(index + 1).some(([later]) => later === key) ? `${key} stands below again, and that is saved.` : "";
}

const rowsOf = (values: Record<string, unknown>): Row[] =>
  Object.entries(values).map(([key, value]) => [key, String(value)]);

/** A row without a key is being written. */
const valueOf = (rows: Row[]): Record<string, string> =>
  Object.fromEntries(rows.filter(([key]) => key !== ""));
