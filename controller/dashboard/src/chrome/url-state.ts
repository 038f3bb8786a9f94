/** State that the address holds, so that a link shows the same and "back" goes back. */

import { useCallback } from "react";
import { useSearchParams } from "wouter";

export type Changes = Record<string, string | null | undefined>;

export interface UrlState {
  get: (name: string) => string;
  /** Sets what has a value and removes what has none. `push` makes a step that "back" undoes. */
  put: (changes: Changes, push?: boolean) => void;
  /** As `put` with a step, of which `isAfter` tells that going back undoes it. */
  step: (name: string, value: string) => void;
  isAfter: (name: string) => boolean;
}

/** What the browser remembers of a step, beside its address; an address that was sent to somebody
 * has no step before it. */
interface Step {
  step?: string;
}

const stepHere = (): string | undefined => (history.state as Step | null)?.step;

export function useUrlState(): UrlState {
  const [params, setParams] = useSearchParams();
  const put = useCallback(
    (changes: Changes, push = false) =>
      setParams((before) => changed(before, changes), { replace: !push }),
    [setParams],
  );
  const step = (name: string, value: string) =>
    setParams((before) => changed(before, { [name]: value }), { state: { step: name } });
  return { get: (name) => params.get(name) ?? "", put, step, isAfter: (name) => stepHere() === name };
}

function changed(before: URLSearchParams, changes: Changes): URLSearchParams {
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries(changes)) {
    if (value) after.set(name, value);
    else after.delete(name);
  }
  return after;
}
