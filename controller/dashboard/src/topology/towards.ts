/** The next node for an arrow key: the nearest that is rather ahead than aside. Pure. */

import type { Place, Places } from "./layout";

export type Direction = "up" | "down" | "left" | "right";

const AHEAD: Record<Direction, Place> = {
  up: { x: 0, y: -1 },
  down: { x: 0, y: 1 },
  left: { x: -1, y: 0 },
  right: { x: 1, y: 0 },
};
/** How much further away a node seems that lies aside. */
const ASIDE = 2;

/** From nowhere it is the first; where there is nothing ahead, null. */
export function towards(places: Places, ids: string[], from: string | null, direction: Direction): string | null {
  const here = from === null ? undefined : places.get(from);
  if (!here) return ids[0] ?? null;
  const { x, y } = AHEAD[direction];
  let best: string | null = null;
  let least = Infinity;
  for (const id of ids) {
    const there = places.get(id);
    if (!there || id === from) continue;
    const [dx, dy] = [there.x - here.x, there.y - here.y];
    const ahead = dx * x + dy * y;
    const aside = Math.abs(dx * y - dy * x);
    if (ahead <= 0 || aside > ASIDE * ahead) continue;
    const distance = ahead + ASIDE * aside;
    if (distance < least) [best, least] = [id, distance];
  }
  return best;
}
