/** What tables of changes by others have in common. */

import { Moment } from "../chrome/moment";
import type { ServerColumn } from "../chrome/server-table";
import type { DriftEvent } from "../object/parts";

type Column = ServerColumn<DriftEvent>;

const ACTIONS = {
  enforced: "brought back",
  reported: "left, as its drift policy says",
  gave_up: "left, after it was brought back in vain",
} as const;

export const WHEN: Column = { title: "When", cell: ({ at }) => <Moment at={at} /> };
export const WHO: Column = {
  title: "Who",
  cell: ({ who }) => (who ? <code>{who}</code> : <span className="muted">not known</span>),
  className: "reason-cell",
};
export const THEN: Column = { title: "Then", cell: ({ action }) => ACTIONS[action] };
