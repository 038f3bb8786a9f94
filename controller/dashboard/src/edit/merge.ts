/** Brings two changes of one object together: what only one side changed is taken from it, and what
 * both changed differently is for a person to decide. Pure. */

import { isValues, withValue, type Draft } from "./drafts";
import type { Values } from "./fields";

export interface Clash {
  /** Of the field: `spec`, `mtu`. */
  path: string[];
  base: unknown;
  mine: unknown;
  theirs: unknown;
}

export interface Merged {
  draft: Draft;
  clashes: Clash[];
}

/** `clashes` are mine in the draft, until a person says otherwise. */
export function merge(base: Draft, mine: Draft, theirs: Draft): Merged {
  const clashes: Clash[] = [];
  const side = ({ labels, spec }: Draft): Values => ({ labels, spec });
  const both = mergeValues([], side(base), side(mine), side(theirs), clashes);
  return {
    draft: {
      ...mine,
      labels: (both.labels ?? {}) as Record<string, string>,
      spec: (both.spec ?? {}) as Values,
    },
    clashes,
  };
}

/** The draft with a clash settled for their side. */
export function taking(draft: Draft, { path, theirs }: Clash): Draft {
  const [part, ...rest] = path;
  if (part === "labels")
    return { ...draft, labels: withValue(draft.labels, rest, theirs) as Record<string, string> };
  return { ...draft, spec: withValue(draft.spec, rest, theirs) };
}

function mergeValues(path: string[], base: Values, mine: Values, theirs: Values, clashes: Clash[]): Values {
  const names = new Set([...Object.keys(base), ...Object.keys(mine), ...Object.keys(theirs)]);
  const merged = [...names].map((name): [string, unknown] => {
    const here = [...path, name];
    return [name, mergeOne(here, base[name], mine[name], theirs[name], clashes)];
  });
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined));
}

function mergeOne(path: string[], base: unknown, mine: unknown, theirs: unknown, clashes: Clash[]): unknown {
  if (same(mine, theirs) || same(base, theirs)) return mine;
  if (same(base, mine)) return theirs;
  if (isValues(mine) && isValues(theirs))
    return mergeValues(path, isValues(base) ? base : {}, mine, theirs, clashes);
  clashes.push({ path, base, mine, theirs });
  return mine;
}

/** The order of keys does not matter. */
export function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, index) => same(item, b[index]));
  if (isValues(a) && isValues(b)) {
    const names = new Set([...Object.keys(a), ...Object.keys(b)]);
    return [...names].every((name) => same(a[name], b[name]));
  }
  return a === b;
}
