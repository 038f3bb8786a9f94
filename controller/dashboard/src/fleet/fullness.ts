/** How full something is, and whether that is worrying. Pure. */

import type { Capacity } from "./queries";

export type Level = "roomy" | "filling" | "full" | "spent";

const FILLING = 80;
const FULL = 95;

/** What rests before it is free again cannot be had either. `percent` is whole. */
export function fullness({ used, quarantined, total }: Capacity): { percent: number; level: Level } {
  const taken = used + quarantined;
  const share = total > 0 ? (100 * taken) / total : 100;
  const percent = Math.min(100, Math.floor(share));
  if (taken >= total) return { percent: 100, level: "spent" };
  if (share >= FULL) return { percent, level: "full" };
  return { percent, level: share >= FILLING ? "filling" : "roomy" };
}
