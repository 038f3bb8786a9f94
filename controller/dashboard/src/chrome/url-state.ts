/** State that the address holds, so that a link shows the same and "back" goes back. */

import { useCallback } from "react";
import { useSearchParams } from "wouter";

export type Changes = Record<string, string | null | undefined>;

export interface UrlState {
  get: (name: string) => string;
  /** Sets what has a value and removes what has none. `push` makes a step that "back" undoes. */
  put: (changes: Changes, push?: boolean) => void;
}

export function useUrlState(): UrlState {
  const [params, setParams] = useSearchParams();
  const put = useCallback(
    (changes: Changes, push = false) =>
      setParams((before) => changed(before, changes), { replace: !push }),
    [setParams],
  );
  return { get: (name) => params.get(name) ?? "", put };
}

function changed(before: URLSearchParams, changes: Changes): URLSearchParams {
  const after = new URLSearchParams(before);
  for (const [name, value] of Object.entries(changes)) {
    if (value) after.set(name, value);
    else after.delete(name);
  }
  return after;
}
