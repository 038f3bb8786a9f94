/** The state of the change stream as screens see it. */

import { createContext, useContext } from "react";
import type { Change } from "../api/documents";

export interface RecentChange extends Change {
  /** When this page learnt of it; null for what had happened before it opened. */
  seenAt: Date | null;
}

export interface Live {
  state: "connecting" | "open" | "broken";
  /** Why the stream broke. */
  reason: string;
  /** Since when the page may be stale. */
  brokenSince: Date | null;
  changes: RecentChange[];
}

export const CONNECTING: Live = { state: "connecting", reason: "", brokenSince: null, changes: [] };

export const LiveContext = createContext<Live>(CONNECTING);

export const useLive = (): Live => useContext(LiveContext);
