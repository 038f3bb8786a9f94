/** Whether a host has applied what is wanted of it. Pure. */

import type { Host } from "../api/documents";

export interface Sync {
  text: "Up to date" | "Behind" | "Held" | "Nothing applied";
  color: "green" | "blue" | "orange" | "grey";
  /** The newest revision of what is intended for this host; the fleet may be far ahead of it. */
  wanted: number;
}

/** `newest`: the newest revision of anything on the host. */
export function syncOf(host: Host, newest: number): Sync {
  const wanted = Math.max(host.metadata.revision, newest);
  const applied = host.status.applied_revision;
  if (applied === 0) return { text: "Nothing applied", color: "grey", wanted };
  // It lacks what it undid, whichever revisions the objects on it have.
  if (host.status.pinned_revision !== null) return { text: "Held", color: "orange", wanted };
  if (applied < wanted) return { text: "Behind", color: "blue", wanted };
  return { text: "Up to date", color: "green", wanted };
}
