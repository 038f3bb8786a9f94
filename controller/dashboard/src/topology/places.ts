/** Where nodes stand, kept in this browser for each grouping: what a person has learnt to find in
 * one place stays there. */

import { useCallback, useEffect, useLayoutEffect, useMemo, useState } from "react";
import { backbone, type Graph } from "./graph";
import { arrange, circle, type Place, type Places } from "./layout";
import { sizeOf } from "./look";

const KEY = "ovsfleet.topology.";
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
  const missing = [...graph.nodes.keys()].filter((id) => !places.has(id)).join("\n");

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

  // Before the page is painted, so that what is seen is kept.
  useLayoutEffect(() => write(grouping, places, graph), [grouping, places, graph]);

  const move = useCallback(
    (id: string, place: Place) => setKnown((now) => ({ ...now, places: new Map(now.places).set(id, place) })),
    [],
  );
  const again = useCallback(() => setKnown((now) => ({ ...now, places: new Map() })), []);
  return useMemo(() => {
    const isShown = missing === "" || [...graph.nodes.keys()].some((id) => places.has(id));
    return { places: isShown ? places : null, isArranging: missing !== "", move, again };
  }, [missing, graph, places, move, again]);
}

const taskOf = (graph: Graph, places: Places) => ({
  nodes: [...graph.nodes.values()].map((node) => ({
    id: node.id,
    size: sizeOf(node),
    place: places.get(node.id) ?? null,
  })),
  links: backbone(graph),
});

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
  const shownLast = [...places].sort(([a], [b]) => Number(graph.nodes.has(a)) - Number(graph.nodes.has(b)));
  const stored = shownLast
    .slice(-MOST_KEPT)
    .map(([id, { x, y }]) => [id, [Math.round(x), Math.round(y)]]);
  try {
    localStorage.setItem(KEY + grouping, JSON.stringify(Object.fromEntries(stored)));
  } catch {
    // The browser gives no more room: the places last as long as this page.
  }
}
