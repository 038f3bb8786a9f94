/** Where nodes stand around hubs, and where there is room beside what has a place. Pure. */

import type { LayoutAnswer, LayoutNode, LayoutTask, Place } from "./layout";

/** Between the middles of hosts beside each other: a name has room below each, and between two. */
const STEP = 68;
/** Larger nodes are groups, with three lines below. */
const HOST = 40;
const GROUP_NAME = 56;
/** Of steps, from the middle. */
const FIRST_RING = 1.75;
const EVERYBODYS = 0.6;
/** A hub has its name within. */
const HUB = { width: 190, height: 80 };

export const stepOf = ({ nodes }: Pick<LayoutTask, "nodes">): number => {
  const largest = Math.max(0, ...nodes.filter(({ isHub }) => !isHub).map(({ size }) => size));
  return largest > HOST ? largest + GROUP_NAME : STEP;
};

/** Places around a middle, from the inside outwards, as an ellipse that is `aspect` times as wide as
 * high. `from`: how many steps the first are from the middle; 0: the first is the middle. */
export function rings(count: number, aspect: number, from = FIRST_RING, step = STEP): Place[] {
  const places: Place[] = from === 0 && count > 0 ? [{ x: 0, y: 0 }] : [];
  for (let radius = (from || 1) * step, ring = 0; places.length < count; radius += step, ring++) {
    const room = Math.floor((2 * Math.PI * radius) / step);
    const here = Math.min(room, count - places.length);
    for (let n = 0; n < here; n++) {
      // Every other ring is turned by half a step, so that spokes pass between.
      const angle = (2 * Math.PI * (n + (ring % 2) / 2)) / here - Math.PI / 2;
      places.push({ x: aspect * radius * Math.cos(angle), y: radius * Math.sin(angle) });
    }
  }
  return places;
}

/** Nodes that stand together, by how far they are from its middle. */
export interface Cluster {
  id: string;
  members: LayoutAnswer;
  width: number;
  height: number;
}

export interface Clusters {
  clusters: Cluster[];
  links: [string, string][];
}

/** Nodes most of which have links with each other; then none is nearer to one than to another. */
export const areDense = ({ nodes, links }: LayoutTask): boolean =>
  nodes.length >= LEAST_DENSE && 4 * links.length >= nodes.length * (nodes.length - 1);

const LEAST_DENSE = 5;
const BELOW = 70;

/** One ring of all, in their order, each with room for its name. */
export function ringOf({ nodes, aspect }: LayoutTask): LayoutAnswer {
  const around = nodes.reduce((sum, { size }) => sum + size + BELOW, 0);
  const radius = Math.max(FIRST_RING * STEP, around / (2 * Math.PI));
  return nodes.map(({ id }, n) => {
    const angle = (2 * Math.PI * n) / nodes.length - Math.PI / 2;
    return [id, { x: aspect * radius * Math.cos(angle), y: radius * Math.sin(angle) }];
  });
}

/** Without the hubs, beside others, that most nodes have: they say nothing about who is near whom. */
export function withoutEverybodys({ nodes, links, aspect }: LayoutTask): LayoutTask {
  const hubs = nodes.filter(({ isHub }) => isHub).map(({ id }) => id);
  const sizes = new Map(hubs.map((id) => [id, links.filter(([, b]) => b === id).length]));
  const others = nodes.length - hubs.length;
  const left = new Set(hubs.filter((id) => (sizes.get(id) ?? 0) > EVERYBODYS * others));
  if (left.size === hubs.length) return { nodes, links, aspect };
  return { nodes: nodes.filter(({ id }) => !left.has(id)), links: links.filter(([, b]) => !left.has(b)), aspect };
}

/** Each hub with those around it that have no other; and those that share the same hubs. */
export function clustersOf({ nodes, links, aspect }: LayoutTask): Clusters {
  const hubs = new Set(nodes.filter(({ isHub }) => isHub).map(({ id }) => id));
  const hubsOf = new Map<string, string[]>();
  for (const [a, b] of links) if (hubs.has(b)) hubsOf.set(a, [...(hubsOf.get(a) ?? []), b]);
  const together = new Map<string, string[]>([...hubs].map((id) => [id, []]));
  for (const { id } of nodes.filter(({ isHub }) => !isHub)) {
    // A node of no hub stands for itself.
    const key = hubsOf.get(id)?.sort().join(" ") ?? `alone ${id}`;
    together.set(key, [...(together.get(key) ?? []), id]);
  }
  const step = stepOf({ nodes });
  const clusters = [...together].map(([id, members]) => clusterOf(id, members, hubs.has(id), aspect, step));
  const clusterBy = new Map(clusters.flatMap(({ id, members }) => members.map(([member]) => [member, id])));
  const between = new Map<string, [string, string]>();
  for (const ends of links) {
    const [a, b] = ends.map((end) => clusterBy.get(end) ?? end).sort();
    if (a !== undefined && b !== undefined && a !== b) between.set(`${a}\n${b}`, [a, b]);
  }
  return { clusters, links: [...between.values()] };
}

function clusterOf(id: string, members: string[], isHub: boolean, aspect: number, step: number): Cluster {
  const places = rings(members.length, aspect, isHub ? FIRST_RING : 0, step);
  const placed = members.map((member, n): [string, Place] => [member, places[n] ?? ORIGIN]);
  const all: LayoutAnswer = isHub ? [[id, ORIGIN], ...placed] : placed;
  const reach = (of: (place: Place) => number) => Math.max(...all.map(([, place]) => Math.abs(of(place))));
  return {
    id,
    members: all,
    width: Math.max(2 * reach(({ x }) => x) + aspect * step, isHub ? HUB.width : 0),
    height: Math.max(2 * reach(({ y }) => y) + step, isHub ? HUB.height : 0),
  };
}

const ORIGIN: Place = { x: 0, y: 0 };

const MOST_APART = 1.5;

/** The middles in the shape of the picture, and as near to each other as clusters have room. */
export function compact(clusters: Cluster[], middles: ReadonlyMap<string, Place>, aspect: number): Map<string, Place> {
  const at = clusters.map((cluster) => ({ cluster, ...(middles.get(cluster.id) ?? ORIGIN) }));
  const extent = (of: number[]) => Math.max(1, Math.max(...of) - Math.min(...of));
  const wide = (aspect * extent(at.map(({ y }) => y))) / extent(at.map(({ x }) => x));
  for (const each of at) each.x *= Math.min(2, Math.max(0.5, wide));
  let least = 0;
  for (const [n, a] of at.entries())
    for (const b of at.slice(n + 1)) {
      const aside = (a.cluster.width + b.cluster.width) / 2 / Math.abs(a.x - b.x);
      const above = (a.cluster.height + b.cluster.height) / 2 / Math.abs(a.y - b.y);
      least = Math.max(least, Math.min(aside, above));
    }
  const scale = Math.min(MOST_APART, least || 1);
  return new Map(at.map(({ cluster, x, y }) => [cluster.id, { x: scale * x, y: scale * y }]));
}

/** The nodes of the clusters, once these stand somewhere. */
export const spread = (clusters: Cluster[], middles: ReadonlyMap<string, Place>): LayoutAnswer =>
  clusters.flatMap(({ id, members }) => {
    const middle = middles.get(id) ?? ORIGIN;
    return members.map(([member, { x, y }]): [string, Place] => [member, { x: middle.x + x, y: middle.y + y }]);
  });

/** Those without a place beside what they are linked with, where nobody stands yet; hubs first. */
export function besides({ nodes, links, aspect }: LayoutTask): LayoutAnswer {
  const linked = new Map<string, string[]>();
  for (const [a, b] of links) {
    linked.set(a, [...(linked.get(a) ?? []), b]);
    linked.set(b, [...(linked.get(b) ?? []), a]);
  }
  const places = new Map(nodes.flatMap(({ id, place }) => (place ? [[id, place] as const] : [])));
  const step = stepOf({ nodes });
  const candidates = rings(4 * nodes.length + 50, aspect, 0, step);
  const hubsFirst = (a: LayoutNode, b: LayoutNode) => Number(b.isHub) - Number(a.isHub);
  for (const { id, isHub } of nodes.filter(({ place }) => !place).sort(hubsFirst)) {
    const width = isHub ? (HUB.width + aspect * step) / 2 : aspect * step;
    const near = (linked.get(id) ?? []).flatMap((each) => places.get(each) ?? []);
    const middle = mean(near.length > 0 ? near : [...places.values()]);
    const free = candidates
      .map(({ x, y }) => ({ x: middle.x + x, y: middle.y + y }))
      .find((place) => [...places.values()].every((other) => isApart(place, other, width, step)));
    places.set(id, free ?? middle);
  }
  return [...places];
}

const isApart = (a: Place, b: Place, width: number, height: number): boolean =>
  Math.abs(a.x - b.x) >= 0.9 * width || Math.abs(a.y - b.y) >= 0.9 * height;

function mean(places: Place[]): Place {
  const of = (each: (place: Place) => number) =>
    places.reduce((sum, place) => sum + each(place), 0) / Math.max(1, places.length);
  return { x: of(({ x }) => x), y: of(({ y }) => y) };
}
