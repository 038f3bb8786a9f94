/** Which of the faults that are known a person is told, and when. Pure. */

import { ApiError } from "../api/client";
import type { ProblemError } from "../api/documents";
import type { KindInfo } from "../kinds/kinds";
import type { Check } from "./queries";

interface Situation {
  isNew: boolean;
  /** Whether a person has asked to save it: until then nobody is told that a field is empty. */
  isTried: boolean;
}

const NONE: readonly ProblemError[] = [];

/** Those of the dry run and those of the write itself, each once; pointers are the manifest's. */
export function told(
  info: KindInfo,
  check: Check | undefined,
  refusal: Error | null,
  { isNew, isTried }: Situation,
): readonly ProblemError[] {
  const found = [...(check?.errors ?? NONE), ...(refusal instanceof ApiError ? refusal.errors : NONE)];
  const isTaken = isNew && (check?.action === "updated" || check?.action === "unchanged");
  const all = isTaken ? [taken(info), ...found] : found;
  const due = isTried ? all : all.filter(({ code }) => code !== "missing_field");
  return [...new Map(due.map((error) => [`${error.pointer} ${error.code}`, error])).values()];
}

const taken = ({ noun }: KindInfo): ProblemError => ({
  pointer: "/metadata/name",
  code: "exists",
  detail: `there is a ${noun} of this name already`,
  fix: "choose another name, or edit that one",
});
