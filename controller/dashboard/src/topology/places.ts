/** Where nodes stand, kept in this browser for each grouping: what a person has learnt to find in
 * one place stays there. */

import { useCallback, useEffect, useLayoutEffect, useMemo, useState } from "react";
import { SEEN } from "../session/session";
import type { Graph } from "./graph";
import { arrange, circle, type LayoutTask, type Place, type Places } from "./layout";
import { HUB_SIZE, sizeOf } from "./look";

const KEY = `${SEEN}topology.`;
/** Of one grouping; what is not shown now is kept as long as there is room. */
const MOST_KEPT = 1000;

type Stored = Record<string, [x: number, y: number]>;

export interface Arrangement {
  /** Null until the first is worked out. */
  places: Places | null;
  isArranging: boolean;
  move: (id: string, place: Place) => void;
  /** Forgets all places and works out new ones. */
  again: () => void;
}

export function usePlaces(graph: Graph, grouping: string): Arrangement {
  const [known, setKnown] = useState(() => ({ grouping, places: read(grouping) }));
  // Another grouping has other places, from its first frame on.
  if (known.grouping !== grouping) setKnown({ grouping, places: read(grouping) });
  const { places } = known;
  const missing = idsOf(graph).filter((id) => !places.has(id)).join("\n");

  useEffect(() => {
    if (missing === "") return;
    const stop = new AbortController();
    const put = (more: Places) =>
      setKnown((now) => (now.grouping === grouping ? { grouping, places: new Map([...now.places, ...more]) } : now));
    arrange(taskOf(graph, places), stop.signal)
      .catch(() => circle(missing.split("\n")))
      .then(put, () => undefined);
    return () => stop.abort();
    // What else changed in the graph moves nothing.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [missing, grouping]);

  // Before the page is painted, so that what is seen is kept. What the graph says of places that did
  // not move is nothing to keep.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  useLayoutEffect(() => write(grouping, places, graph), [grouping, places]);

  const move = useCallback(
    (id: string, place: Place) => setKnown((now) => ({ ...now, places: new Map(now.places).set(id, place) })),
    [],
  );
  const again = useCallback(() => setKnown((now) => ({ ...now, places: new Map() })), []);
  return useMemo(() => {
    const isShown = missing === "" || idsOf(graph).some((id) => places.has(id));
    return { places: isShown ? places : null, isArranging: missing !== "", move, again };
  }, [missing, graph, places, move, again]);
}

const idsOf = ({ nodes, hubs }: Graph): string[] => [...nodes.keys(), ...hubs.keys()];

const WIDE = 1.4;
const PHONE = "(width < 48rem)";

function taskOf({ nodes, hubs, links }: Graph, places: Places): LayoutTask {
  const at = (id: string, size: number, isHub: boolean) => ({ id, size, isHub, place: places.get(id) ?? null });
  return {
    nodes: [
      ...[...nodes.values()].map((node) => at(node.id, sizeOf(node), false)),
      ...[...hubs.keys()].map((id) => at(id, HUB_SIZE, true)),
    ],
    links: [...links.values()].map(({ a, b }) => [a, b]),
    aspect: matchMedia(PHONE).matches ? 1 : WIDE,
  };
}

function read(grouping: string): Places {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY + grouping) ?? "{}") as Stored;
    return new Map(Object.entries(stored).map(([id, [x, y]]) => [id, { x, y }]));
  } catch {
    // Written by something else, or not whole.
    return new Map();
  }
}

function write(grouping: string, places: Places, graph: Graph): void {
  if (places.size === 0) return;
  // What is shown now must not make way for what is not.
  const shown = new Set(idsOf(graph));
  const shownLast = [...places].sort(([a], [b]) => Number(shown.has(a)) - Number(shown.has(b)));
  const stored = shownLast
    .slice(-MOST_KEPT)
    .map(([id, { x, y }]) => [id, [Math.round(x), Math.round(y)]]);
  try {
    localStorage.setItem(KEY + grouping, JSON.stringify(Object.fromEntries(stored)));
  } catch {
    // The browser gives no more room: the places last as long as this page.
  }
}
