/** The fleet as a graph, as the screen looks at it. Pure. */

import type { components } from "../api/schema";
import type { Phase, PhaseCounts } from "../api/documents";

export type Topology = components["schemas"]["TopologyDocument"];
export type TopologyNode = components["schemas"]["TopologyNode"];
export type TopologyEdge = components["schemas"]["TopologyEdge"];
export type TopologySegment = components["schemas"]["TopologySegment"];
type TopologyHub = components["schemas"]["TopologyHub"];
type TopologySpoke = components["schemas"]["TopologySpoke"];

/** Which segment. */
export type Named = Pick<TopologySegment, "project" | "name">;

export const WORST_FIRST: readonly Phase[] = ["Failed", "Unknown", "Pending", "Degraded", "Ready"];

/** The tunnels between two nodes, or a spoke: the ends in a node, `a`, of what a hub, `b`, stands for. */
export interface Link extends TopologyEdge {
  id: string;
  isSpoke: boolean;
  /** Of the worst tunnel. */
  phase: Phase;
  /** As it is drawn. */
  seen: Phase;
}

/** A full mesh of many nodes, or several of the same. */
export interface Hub extends TopologyHub {
  title: string;
}

export interface Graph {
  nodes: Map<string, TopologyNode>;
  hubs: Map<string, Hub>;
  /** Between two different nodes, or a node and a hub. */
  links: Map<string, Link>;
  /** Between the hosts of one group, by the group. */
  inner: Map<string, Link>;
  /** Links of a node, also those within it, or of a hub. */
  of: Map<string, Link[]>;
}

export const countOf = (counts: PhaseCounts, phase: Phase): number =>
  counts[phase.toLowerCase() as Lowercase<Phase>];

/** Of nothing it is Ready: nothing is wrong. */
export const worstOf = (counts: PhaseCounts): Phase =>
  WORST_FIRST.find((phase) => countOf(counts, phase) > 0) ?? "Ready";

/** "1 Failed, 19 Ready", the worst first. */
export const inWords = (counts: PhaseCounts): string =>
  WORST_FIRST.filter((phase) => countOf(counts, phase) > 0)
    .map((phase) => `${countOf(counts, phase)} ${phase}`)
    .join(", ");

/** No node's id holds a line break. */
export const linkId = (a: string, b: string): string => `${a}\n${b}`;

/** What passes in both directions, bits per second; null where nobody counts it. */
export const loadOf = ({ tx_bps, rx_bps }: TopologyEdge): number | null =>
  tx_bps === null || rx_bps === null ? null : tx_bps + rx_bps;

export function graphOf({ nodes, edges, hubs }: Pick<Topology, "nodes" | "edges" | "hubs">): Graph {
  const graph: Graph = {
    nodes: new Map(nodes.map((node) => [node.id, node])),
    hubs: new Map(hubs.map((hub) => [hub.id, { ...hub, title: titleOfHub(hub) }])),
    links: new Map(),
    inner: new Map(),
    of: new Map([...nodes, ...hubs].map(({ id }) => [id, []])),
  };
  const spokes = hubs.flatMap((hub) => hub.spokes.map((spoke) => spokeOf(hub, spoke, graph.nodes)));
  for (const link of [...edges.map(edgeOf), ...spokes]) {
    if (link.a === link.b) graph.inner.set(link.a, link);
    else graph.links.set(link.id, link);
    for (const end of new Set([link.a, link.b])) graph.of.get(end)?.push(link);
  }
  return graph;
}

function edgeOf(edge: TopologyEdge): Link {
  const phase = worstOf(edge.phases);
  return { ...edge, id: linkId(edge.a, edge.b), isSpoke: false, phase, seen: phase };
}

function spokeOf(hub: TopologyHub, spoke: TopologySpoke, nodes: Graph["nodes"]): Link {
  const { node, ends, phases, ...rest } = spoke;
  return {
    ...rest,
    id: linkId(node, hub.id),
    a: node,
    b: hub.id,
    isSpoke: true,
    tunnels: ends,
    phases,
    segments: hub.segments.length,
    phase: worstOf(phases),
    seen: mostlyWorstOf(phases, nodes.get(node)?.hosts ?? 1),
  };
}

/** The worst that is as much as half of one host's ends: single tunnels have lines of their own. */
export const mostlyWorstOf = (counts: PhaseCounts, hosts: number): Phase =>
  WORST_FIRST.find((phase) => countOf(counts, phase) > 0 && 2 * hosts * countOf(counts, phase) >= counts.total) ??
  "Ready";

const MOST_NAMES = 2;

export const titleOfHub = ({ segments }: Pick<TopologyHub, "segments">): string =>
  segments.length > MOST_NAMES ? `${segments.length} segments` : segments.map(({ name }) => name).join(", ");

/** Of a node or hub; its id when it is there no more. */
export const titleIn = ({ nodes, hubs }: Graph, id: string): string =>
  (nodes.get(id) ?? hubs.get(id))?.title ?? id;

/** The graph with what one segment has of it in place of the whole. */
export function withMesh(whole: Topology, mesh: Topology): Topology {
  const idOf = ({ a, b }: TopologyEdge) => linkId(a, b);
  const own = new Set(mesh.edges.map(idOf));
  const hubs = new Set(mesh.hubs.map(({ id }) => id));
  return {
    ...whole,
    edges: [...whole.edges.filter((edge) => !own.has(idOf(edge))), ...mesh.edges],
    hubs: [...whole.hubs.filter(({ id }) => !hubs.has(id)), ...mesh.hubs],
  };
}

export interface Lit {
  nodes: ReadonlySet<string>;
  links: ReadonlySet<string>;
}

export function litBy(mesh: Topology): Lit {
  const { nodes, hubs, links, inner } = graphOf(mesh);
  return { nodes: new Set([...nodes.keys(), ...hubs.keys()]), links: new Set([...links.keys(), ...inner.keys()]) };
}

/** Nodes whose title or labels hold the words, in the order of titles. */
export function found({ nodes }: Graph, words: string): TopologyNode[] {
  const wanted = words.trim().toLowerCase();
  if (!wanted) return [];
  return [...nodes.values()].filter(({ title, labels }) =>
    [title, ...Object.entries(labels).map(([key, value]) => `${key}=${value}`)].some((text) =>
      text.toLowerCase().includes(wanted),
    ),
  );
}

/** What needs a person first, then what carries most. */
export function worstAndBusiestFirst(a: Link, b: Link): number {
  const byPhase = WORST_FIRST.indexOf(a.phase) - WORST_FIRST.indexOf(b.phase);
  return byPhase || (loadOf(b) ?? -1) - (loadOf(a) ?? -1) || b.tunnels - a.tunnels;
}
