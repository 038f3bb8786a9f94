/** Narrows a collection by name, health, labels, project, host and the API's own language. The
 * server does it, and what it refuses is told where it was typed. */

import { FormSelect, FormSelectOption, HelperText, HelperTextItem, SearchInput } from "@patternfly/react-core";
import { useId, useState } from "react";
import { PHASES } from "../api/documents";
import { useUrlState } from "../chrome/url-state";
import type { KindInfo } from "../kinds/kinds";
import { hasHealth } from "./columns";
import type { Refusals } from "./asked";

interface Props {
  info: KindInfo;
  refusals: Refusals;
}

export function FilterBar({ info, refusals }: Props) {
  const { get, put } = useUrlState();
  return (
    <div className="filters" role="search" aria-label={`Narrow the list of ${info.plural}`}>
      <Typed name="q" label={`Filter ${info.plural} by name`} hint="Name" isAtOnce />
      {hasHealth(info) && (
        <FormSelect
          aria-label="Health"
          value={get("phase")}
          onChange={(_, phase) => put({ phase, page: null })}
        >
          <FormSelectOption value="" label="Any health" />
          {PHASES.map((phase) => (
            <FormSelectOption key={phase} value={phase} label={phase} />
          ))}
        </FormSelect>
      )}
      <Typed name="labels" label="Label selector" hint="Labels: tier=web,!old" refusal={refusals.labels} />
      {info.ofProjects && <Typed name="project" label="Project" hint="Project" />}
      {info.onHosts && <Typed name="host" label="Host" hint="Host" />}
      <Typed
        name="filter"
        label="Filter"
        hint={'Filter: metadata.name : "web*" AND metadata.revision > 7'}
        refusal={refusals.filter}
        className="filter-wide"
      />
    </div>
  );
}

interface TypedProps {
  /** In the address. */
  name: string;
  label: string;
  hint: string;
  /** Asked for at every letter, and not at Enter: half of a filter is wrong, half of a name is not. */
  isAtOnce?: boolean;
  refusal?: string;
  className?: string;
}

function Typed({ name, label, hint, isAtOnce = false, refusal, className }: TypedProps) {
  const { get, put } = useUrlState();
  const id = useId();
  const asked = get(name);
  const [words, setWords] = useState(asked);
  // "Back" and "Show all" change the address under what was typed.
  const [before, setBefore] = useState(asked);
  if (before !== asked) {
    setBefore(asked);
    setWords(asked);
  }
  const ask = (wanted: string) => put({ [name]: wanted.trim(), page: null });
  return (
    <div className={className}>
      <SearchInput
        aria-label={label}
        inputProps={{ "aria-invalid": refusal !== undefined, "aria-describedby": refusal ? id : undefined }}
        placeholder={hint}
        value={words}
        onChange={(_, value) => {
          setWords(value);
          if (isAtOnce) put({ [name]: value, page: null });
        }}
        onBlur={() => words.trim() !== asked && !isAtOnce && ask(words)}
        onKeyDown={({ key }) => key === "Enter" && ask(words)}
        onClear={() => {
          setWords("");
          ask("");
        }}
      />
      {refusal && (
        <HelperText isLiveRegion id={id}>
          <HelperTextItem variant="error">{refusal}</HelperTextItem>
        </HelperText>
      )}
    </div>
  );
}
