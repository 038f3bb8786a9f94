/** What on a host waits for a person to let it go on. Pure. */

import type { Failure } from "../api/documents";

export interface Held {
  /** Left as somebody else changed it. */
  drift: Failure[];
  /** There, and neither intended nor deleted. */
  removals: Failure[];
  /** Could cut the host off, or have its own addresses fall silent. */
  forced: Failure[];
}

const DRIFT = ["DriftFought", "Drifted"];
const REMOVALS = ["NotRemoved"];
const FORCED = ["NoWayBack", "DeviceInUse"];

export function heldOf(failures: Failure[]): Held {
  const because = (reasons: string[]) => failures.filter(({ reason }) => reasons.includes(reason));
  return { drift: because(DRIFT), removals: because(REMOVALS), forced: because(FORCED) };
}

/** The names that something else has, and what an adoption of it still lacks. */
const TAKEN = ["AlreadyTaken", "AdoptionDiffers"];
const ADOPTED_KINDS = ["Bridge", "Port", "Tunnel"];

export const adoptable = (failures: Failure[]): Failure[] =>
  failures.filter(({ reason, object }) => TAKEN.includes(reason) && object && ADOPTED_KINDS.includes(object.kind));

export const nameOf = ({ object, resource }: Failure): string =>
  object ? `${object.kind} ${object.name}` : resource || "a resource of another project";
