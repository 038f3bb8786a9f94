/** Where the palette led lately, the latest first; remembered until the person signs out. */

import type { Entry } from "./entries";

const KEY = "ovsfleet.recent";
const KEPT = 6;

export function recentEntries(): Entry[] {
  try {
    return JSON.parse(sessionStorage.getItem(KEY) ?? "[]") as Entry[];
  } catch {
    return [];
  }
}

/** Without its phase, which may be another one by then. */
export function remember({ href, title, note }: Entry): void {
  const others = recentEntries().filter((entry) => entry.href !== href);
  sessionStorage.setItem(KEY, JSON.stringify([{ href, title, note }, ...others].slice(0, KEPT)));
}
