/** The fleet as a graph, as the screen looks at it. Pure. */

import type { components } from "../api/schema";
import type { Phase, PhaseCounts } from "../api/documents";

export type Topology = components["schemas"]["TopologyDocument"];
export type TopologyNode = components["schemas"]["TopologyNode"];
export type TopologyEdge = components["schemas"]["TopologyEdge"];
export type TopologySegment = components["schemas"]["TopologySegment"];

export const WORST_FIRST: readonly Phase[] = ["Failed", "Unknown", "Pending", "Degraded", "Ready"];

export interface Link extends TopologyEdge {
  id: string;
  phase: Phase;
}

export interface Graph {
  nodes: Map<string, TopologyNode>;
  /** Between two different nodes. */
  links: Map<string, Link>;
  /** Between the hosts of one group, by the group. */
  inner: Map<string, Link>;
  /** Links of a node, also those within it. */
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

export function graphOf({ nodes, edges }: Pick<Topology, "nodes" | "edges">): Graph {
  const graph: Graph = {
    nodes: new Map(nodes.map((node) => [node.id, node])),
    links: new Map(),
    inner: new Map(),
    of: new Map(nodes.map((node) => [node.id, []])),
  };
  for (const edge of edges) {
    const link = { ...edge, id: linkId(edge.a, edge.b), phase: worstOf(edge.phases) };
    if (link.a === link.b) graph.inner.set(link.a, link);
    else graph.links.set(link.id, link);
    for (const end of new Set([link.a, link.b])) graph.of.get(end)?.push(link);
  }
  return graph;
}

/** The graph with what one segment has of it in place of the whole. */
export function withMesh(whole: Topology, mesh: Topology): Topology {
  const own = new Map(mesh.edges.map((edge) => [linkId(edge.a, edge.b), edge]));
  return { ...whole, edges: whole.edges.map((edge) => own.get(linkId(edge.a, edge.b)) ?? edge) };
}

export interface Lit {
  nodes: ReadonlySet<string>;
  links: ReadonlySet<string>;
}

export const litBy = ({ nodes, edges }: Topology): Lit => ({
  nodes: new Set(nodes.map(({ id }) => id)),
  links: new Set(edges.map(({ a, b }) => linkId(a, b))),
});

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

/** The ends of few links of each node that stand for all: those that share the most segments draw
 * hosts together, and nobody could follow thousands of lines with the eye anyway. */
export function backbone({ nodes, links }: Graph, most = 3): [string, string][] {
  if (links.size <= most * nodes.size) return [...links.values()].map(({ a, b }) => [a, b]);
  const degree = new Map<string, number>();
  const chosen: [string, string][] = [];
  const strongest = [...links.values()].sort((a, b) => b.segments - a.segments || near(a) - near(b));
  for (const { a, b } of strongest) {
    const [ofA, ofB] = [degree.get(a) ?? 0, degree.get(b) ?? 0];
    if (ofA >= most && ofB >= most) continue;
    degree.set(a, ofA + 1).set(b, ofB + 1);
    chosen.push([a, b]);
  }
  return chosen;
}

/** Equals are taken in an order that no host is the middle of, and that is the same every time. */
function near({ id }: Link): number {
  let hash = 0;
  for (let at = 0; at < id.length; at++) hash = (hash * 31 + id.charCodeAt(at)) | 0;
  return hash;
}
