/** Changes put together by the revision that they are of. Pure. */

import type { PastChange } from "./queries";

export interface Revision {
  revision: number;
  principal: string;
  at: string | null;
  changes: PastChange[];
  /** What was read may end in the middle of it. */
  mayBeMore: boolean;
}

/** `changes` are in the order of their revisions. */
export function byRevision(changes: PastChange[]): Revision[] {
  const revisions: Revision[] = [];
  for (const change of changes) {
    const { revision, principal, at } = change;
    const last = revisions.at(-1);
    if (last?.revision === revision) last.changes.push(change);
    else revisions.push({ revision, principal, at, changes: [change], mayBeMore: false });
  }
  const last = revisions.at(-1);
  if (last) last.mayBeMore = true;
  return revisions;
}
