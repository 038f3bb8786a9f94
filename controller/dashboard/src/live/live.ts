/** The state of the change stream as screens see it. */

import { createContext, useContext } from "react";
export interface Live {
  state: "connecting" | "open" | "broken";
  /** Why the stream broke. */
  reason: string;
  /** Since when the page may be stale. */
  brokenSince: Date | null;
}

export const CONNECTING: Live = { state: "connecting", reason: "", brokenSince: null };

export const LiveContext = createContext<Live>(CONNECTING);

export const useLive = (): Live => useContext(LiveContext);
