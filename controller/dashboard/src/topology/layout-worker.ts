/** Works out where nodes stand, in a thread of its own: a force-directed layout without a screen. */

import cytoscape, { type ElementDefinition, type LayoutOptions } from "cytoscape";
import fcose from "cytoscape-fcose";
import { areDense, besides, clustersOf, compact, ringOf, spread, withoutEverybodys } from "./around";
import type { LayoutAnswer, LayoutNode, LayoutTask, Place } from "./layout";

cytoscape.use(fcose);

const SPACE = 110;
const APART = { nodeSeparation: SPACE, idealEdgeLength: SPACE, nodeRepulsion: 12_000 };
/** Clusters have room around their nodes already. */
const NEARER = { nodeSeparation: 75, idealEdgeLength: 50, nodeRepulsion: 4500 };

self.onmessage = ({ data }: MessageEvent<LayoutTask>) => self.postMessage(answerTo(data));

function answerTo(task: LayoutTask): LayoutAnswer {
  const kept = task.nodes.filter(({ place }) => place !== null).length;
  const hasHubs = task.nodes.some(({ isHub }) => isHub);
  const beside = new Map(kept > 0 ? besides(task) : []);
  // A few that come go where there is room: nothing is to be found anew.
  if (kept > 0 && (hasHubs || 2 * kept >= task.nodes.length)) return [...beside];
  if (!hasHubs && kept === 0 && areDense(task)) return ringOf(task);
  if (!hasHubs) return forced(task.nodes.map((node) => bodyOf(node, beside)), task.links);
  const { clusters, links } = clustersOf(withoutEverybodys(task));
  const bodies = clusters.map(({ id, width, height }) => ({ id, width, height, start: null, isKept: false }));
  const middles = new Map(clusters.length > 1 ? forced(bodies, links, NEARER) : []);
  const places = new Map(spread(clusters, compact(clusters, middles, task.aspect)));
  return besides({ ...task, nodes: task.nodes.map((node) => ({ ...node, place: places.get(node.id) ?? null })) });
}

interface Body {
  id: string;
  width: number;
  height: number;
  start: Place | null;
  /** Stays where it starts. */
  isKept: boolean;
}

const bodyOf = ({ id, size, place }: LayoutNode, starts: ReadonlyMap<string, Place>): Body => ({
  id,
  width: size,
  height: size,
  start: starts.get(id) ?? null,
  isKept: place !== null,
});

function forced(bodies: Body[], links: [string, string][], how = APART): LayoutAnswer {
  const cy = cytoscape({ headless: true, styleEnabled: true, elements: elementsOf(bodies, links), style: STYLE });
  const kept = bodies.flatMap(({ id, start, isKept }) => (start && isKept ? [{ nodeId: id, position: start }] : []));
  const options = {
    name: "fcose",
    animate: false,
    randomize: kept.length === 0,
    ...how,
    tilingPaddingHorizontal: SPACE / 2,
    tilingPaddingVertical: SPACE / 2,
    ...(kept.length > 0 && { fixedNodeConstraint: kept }),
  };
  cy.layout(options as unknown as LayoutOptions).run();
  return cy.nodes().map((node) => [node.id(), { ...node.position() }]);
}

const STYLE = [
  { selector: "node", style: { width: "data(width)", height: "data(height)" } },
] as cytoscape.StylesheetJson;

const elementsOf = (bodies: Body[], links: [string, string][]): ElementDefinition[] => [
  ...bodies.map(({ start, ...data }) => ({ data, ...(start && { position: { ...start } }) })),
  ...links.map(([source, target]) => ({ data: { id: `${source}\n${target}`, source, target } })),
];
