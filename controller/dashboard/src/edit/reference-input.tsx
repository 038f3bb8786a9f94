/** The name of another object: typed, or chosen from those that the server finds. */

import { TextInput } from "@patternfly/react-core";
import { useDeferredValue, useId, useState } from "react";
import { usePage, type StoredObject } from "../api/objects";
import { infoOf, type Kind } from "../kinds/kinds";

interface Props {
  id: string;
  kind: Kind;
  value: string;
  validated: "error" | "default";
  onChange: (name: string | undefined) => void;
  "aria-label"?: string;
  "aria-describedby"?: string;
}

const OFFERED = 20;

export function ReferenceInput({ kind, value, onChange, ...rest }: Props) {
  const list = useId();
  const [isAsked, setAsked] = useState(false);
  const words = useDeferredValue(value);
  const { collection, noun } = infoOf(kind);
  const found = usePage<StoredObject>(
    collection,
    {
      filter: words ? `metadata.name : ${JSON.stringify(`${words}*`)}` : "",
      fields: "metadata.name",
      page_size: OFFERED,
    },
    isAsked,
  );
  return (
    <>
      <TextInput
        {...rest}
        value={value}
        list={list}
        autoComplete="off"
        placeholder={`name of a ${noun}`}
        onFocus={() => setAsked(true)}
        onChange={(_, text) => onChange(text === "" ? undefined : text)}
      />
      <datalist id={list}>
        {found.data?.items.map(({ metadata: { name } }) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
