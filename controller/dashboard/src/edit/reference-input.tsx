/** The name of another object: typed, or chosen from those that the server finds. */

import { TextInput } from "@patternfly/react-core";
import { use, useDeferredValue, useId, useState } from "react";
import { usePage, type StoredObject } from "../api/objects";
import { infoOf, type Kind } from "../kinds/kinds";
import { DraftContext, referring } from "./context";

interface Props {
  id: string;
  kind: Kind;
  value: string;
  validated: "error" | "default";
  onChange: (name: string | undefined) => void;
  autoFocus?: boolean;
  "aria-label"?: string;
  "aria-describedby"?: string;
}

const OFFERED = 20;

export function ReferenceInput({ kind, value, onChange, ...rest }: Props) {
  const list = useId();
  const [isAsked, setAsked] = useState(false);
  const { project, host, written } = referring(use(DraftContext), kind);
  const words = useDeferredValue(value.slice(value.indexOf("/") + 1));
  const { collection, noun } = infoOf(kind);
  const found = usePage<StoredObject>(
    collection,
    {
      filter: words ? `metadata.name : ${JSON.stringify(`${words}*`)}` : "",
      fields: "metadata.name,metadata.project",
      page_size: OFFERED,
      project,
      host,
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
        {found.data?.items.map(({ metadata }) => (
          <option key={written(metadata)} value={written(metadata)} />
        ))}
      </datalist>
    </>
  );
}
