/** Works out where nodes stand, in a thread of its own: a force-directed layout without a screen. */

import cytoscape, { type ElementDefinition, type LayoutOptions } from "cytoscape";
import fcose from "cytoscape-fcose";
import type { LayoutAnswer, LayoutTask, Place } from "./layout";

cytoscape.use(fcose);

const SPACE = 110;

self.onmessage = ({ data }: MessageEvent<LayoutTask>) => {
  const cy = cytoscape({ headless: true, styleEnabled: true, elements: elementsOf(data), style: STYLE });
  const kept = data.nodes.flatMap(({ id, place }) => (place ? [{ nodeId: id, position: place }] : []));
  const options = {
    name: "fcose",
    animate: false,
    randomize: kept.length === 0,
    nodeSeparation: SPACE,
    idealEdgeLength: SPACE,
    nodeRepulsion: 12_000,
    tilingPaddingHorizontal: SPACE / 2,
    tilingPaddingVertical: SPACE / 2,
    ...(kept.length > 0 && { fixedNodeConstraint: kept }),
  };
  cy.layout(options as unknown as LayoutOptions).run();
  const answer: LayoutAnswer = cy.nodes().map((node) => [node.id(), { ...node.position() }]);
  self.postMessage(answer);
};

const STYLE = [
  { selector: "node", style: { width: "data(size)", height: "data(size)" } },
] as cytoscape.StylesheetJson;

function elementsOf({ nodes, links }: LayoutTask): ElementDefinition[] {
  const places = new Map(nodes.flatMap(({ id, place }) => (place ? [[id, place] as const] : [])));
  const starts = startsOf(links, places);
  return [
    ...nodes.map(({ id, size, place }) => {
      const position = place ?? starts.get(id);
      return { data: { id, size }, ...(position && { position: { ...position } }) };
    }),
    ...links.map(([source, target]) => ({ data: { id: `${source}\n${target}`, source, target } })),
  ];
}

/** What is new begins amid those that it is linked with. */
function startsOf(links: [string, string][], places: Map<string, Place>): Map<string, Place> {
  const around = new Map<string, Place[]>();
  for (const [a, b] of [...links, ...links.map(([a, b]) => [b, a] as const)]) {
    const place = places.get(b);
    if (place && !places.has(a)) around.set(a, [...(around.get(a) ?? []), place]);
  }
  return new Map([...around].map(([id, near], n) => [id, besides(near, n)]));
}

function besides(near: Place[], n: number): Place {
  const mean = (of: (place: Place) => number) => near.reduce((sum, each) => sum + of(each), 0) / near.length;
  return { x: mean(({ x }) => x) + SPACE * Math.cos(n), y: mean(({ y }) => y) + SPACE * Math.sin(n) };
}
