/** The name of another object: typed, or chosen from those that the server finds.
 *
 * A combobox as WAI-ARIA has it: the focus stays in the field, and arrow keys move what is chosen in
 * the list below it. */

import { TextInput } from "@patternfly/react-core";
import { use, useDeferredValue, useId, useState, type KeyboardEvent } from "react";
import { usePage, type StoredObject } from "../api/objects";
import { infoOf, type Kind } from "../kinds/kinds";
import { DraftContext, referring } from "./context";
import "./reference.css";

interface Props {
  id: string;
  kind: Kind;
  value: string;
  validated: "error" | "default";
  onChange: (name: string | undefined) => void;
  /** Whether it may also name what is not there yet. */
  mayBeNew?: boolean;
  autoFocus?: boolean;
  isRequired?: boolean;
  "aria-label"?: string;
  "aria-describedby"?: string;
}

const OFFERED = 20;

export function ReferenceInput({ kind, value, onChange, mayBeNew = false, ...rest }: Props) {
  const list = useId();
  const [isOpen, setOpen] = useState(false);
  const [pointed, setPointed] = useState(0);
  const { noun, plural } = infoOf(kind);
  const { names, isMore, isNone } = useNames(kind, value, isOpen);
  // A name that is written out needs no list, which would lie over what comes next.
  const isShown = isOpen && names.length > 0 && !names.includes(value);
  const active = isShown ? names[pointed] : undefined;
  const choose = (name: string) => {
    onChange(name);
    setOpen(false);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "ArrowDown" && !isOpen) return setOpen(true);
    if (!isShown) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Enter" && active !== undefined) choose(active);
    else if (event.key === "Escape") setOpen(false);
    else if (step) setPointed((pointed + step + names.length) % names.length);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <div className="reference">
      <TextInput
        {...rest}
        role="combobox"
        aria-expanded={isShown}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={active === undefined ? undefined : `${list}-${pointed}`}
        value={value}
        autoComplete="off"
        placeholder={`name of a ${noun}`}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onKeyDown={onKeyDown}
        onChange={(_, text) => {
          setOpen(true);
          setPointed(0);
          onChange(text === "" ? undefined : text);
        }}
      />
      <div className="reference-found" hidden={!isShown}>
        <ul id={list} role="listbox" aria-label={`Found ${plural}`} className="reference-list">
          {names.map((name, index) => (
            <li
              key={name}
              id={`${list}-${index}`}
              role="option"
              aria-selected={index === pointed}
              className="reference-name"
              // The field keeps the focus, so that the list stays until it is chosen from.
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => choose(name)}
            >
              {name}
            </li>
          ))}
        </ul>
        {isMore && <p className="muted detail reference-more">There are more: type on to find them.</p>}
      </div>
      <p role="status" className="muted detail">
        {isNone && !mayBeNew && `No ${noun} is called so.`}
      </p>
    </div>
  );
}

/** Those whose names begin with what is written, as the draft would write them. */
function useNames(kind: Kind, value: string, isAsked: boolean) {
  const { project, host, written } = referring(use(DraftContext), kind);
  const words = useDeferredValue(value.slice(value.indexOf("/") + 1));
  const { data, isPlaceholderData } = usePage<StoredObject>(
    infoOf(kind).collection,
    {
      filter: words ? `metadata.name : ${JSON.stringify(`${words}*`)}` : "",
      fields: "metadata.name,metadata.project",
      page_size: OFFERED,
      project,
      host,
    },
    isAsked,
  );
  const names = data?.items.map(({ metadata }) => written(metadata)) ?? [];
  return {
    names,
    isMore: Boolean(data?.next_page_token),
    isNone: isAsked && words !== "" && names.length === 0 && data !== undefined && !isPlaceholderData,
  };
}
