/** The graph on the screen: one Cytoscape instance that lives as long as its element, and is
 * brought up to date in place, so that nothing jumps. */

import cytoscape, { type Core, type ElementDefinition, type EventObject } from "cytoscape";
import { PHASES } from "../api/documents";
import { countOf, linkId, loadOf, worstOf } from "./graph";
import type { Graph, Hub, Link, Lit, TopologyNode } from "./graph";
import type { Place, Places } from "./layout";
import { fontAt, lookOf, MANY_LINKS, NEAR, sizeOf, widthOf } from "./look";

/** A node, or a link by both of its ends. */
export interface Choice {
  at: string;
  to: string | null;
}

export interface Drawing {
  graph: Graph;
  places: Places;
  /** Null: all of it. */
  lit: Lit | null;
  found: ReadonlySet<string>;
  choice: Choice | null;
}

export interface Gestures {
  choose: (choice: Choice | null) => void;
  open: (id: string) => void;
  move: (id: string, place: Place) => void;
}

const MARGIN = 40;
/** The buttons below cover no name. */
const LIFT = 16;
const FURTHEST = 0.08;
const CLOSEST = 3;
/** A small graph is not blown up. */
const NATURAL = 1.25;
const ZOOM_STEP = 1.3;

export class Canvas {
  private readonly cy: Core;
  private isEmpty = true;
  private areManyLinks: boolean | null = null;
  private font = NEAR;

  constructor(
    private readonly element: HTMLElement,
    gestures: Gestures,
  ) {
    this.cy = cytoscape({
      container: element,
      minZoom: FURTHEST,
      maxZoom: CLOSEST,
      boxSelectionEnabled: false,
      autounselectify: true,
      // While the picture is moved, the one that is there is: thousands of links are drawn once.
      textureOnViewport: true,
    });
    this.cy.on("tap", (event) => gestures.choose(choiceOf(event)));
    this.cy.on("dbltap", "node", ({ target }) => gestures.open(target.id()));
    this.cy.on("dragfree", "node", ({ target }) => gestures.move(target.id(), { ...target.position() }));
    for (const [name, cursor] of [["mouseover", "pointer"], ["mouseout", ""]] as const)
      this.cy.on(name, "node, edge", () => (element.style.cursor = cursor));
  }

  destroy(): void {
    this.cy.destroy();
  }

  /** The theme changed. */
  restyle(): void {
    this.cy.style(lookOf(getComputedStyle(this.element), this.areManyLinks === true, this.font));
  }

  draw(drawing: Drawing): void {
    const { graph, places } = drawing;
    if (this.areManyLinks !== graph.links.size > MANY_LINKS) {
      this.areManyLinks = graph.links.size > MANY_LINKS;
      this.restyle();
    }
    this.cy.batch(() => {
      this.cy.elements().forEach((element) => {
        const id = element.id();
        if (!graph.nodes.has(id) && !graph.hubs.has(id) && !graph.links.has(id)) element.remove();
      });
      // What is new comes in one go: one by one it takes seconds where there are thousands.
      this.cy.add(definitionsOf(graph, places).filter((each) => !this.update(each)));
      this.mark(drawing);
    });
    if (this.isEmpty && this.cy.nodes().nonempty()) {
      this.isEmpty = false;
      this.fit();
    }
  }

  /** Everything in sight. */
  fit(): void {
    this.cy.resize();
    this.cy.fit(undefined, MARGIN);
    if (this.cy.zoom() > NATURAL) {
      this.cy.zoom(NATURAL);
      this.cy.center();
    }
    this.cy.panBy({ x: 0, y: -LIFT });
    const font = fontAt(this.cy.zoom());
    if (font === this.font) return;
    this.font = font;
    this.restyle();
  }

  zoom(inwards: boolean): void {
    const renderedPosition = { x: this.cy.width() / 2, y: this.cy.height() / 2 };
    const level = this.cy.zoom() * (inwards ? ZOOM_STEP : 1 / ZOOM_STEP);
    this.cy.zoom({ level, renderedPosition });
  }

  /** Moves the picture when the node is out of sight. */
  show(id: string): void {
    const node = this.cy.getElementById(id);
    if (node.empty()) return;
    const { x, y } = node.renderedPosition();
    const isSeen = x > 0 && y > 0 && x < this.cy.width() && y < this.cy.height();
    if (!isSeen) this.cy.center(node);
  }

  /** False when it is not there yet. */
  private update({ data, position }: ElementDefinition): boolean {
    const there = this.cy.getElementById(String(data.id));
    if (there.empty()) return false;
    if (Object.entries(data).some(([name, value]) => there.data(name) !== value)) there.data(data);
    // What is being dragged is where the pointer is.
    if (position && !there.grabbed()) there.position(position);
    return true;
  }

  private mark({ graph, lit, found, choice }: Drawing): void {
    for (const node of graph.nodes.values()) {
      const inner = graph.inner.get(node.id);
      this.setClasses(node.id, {
        away: node.connected === 0,
        "inner-trouble": inner !== undefined && inner.phase !== "Ready",
        faded: lit !== null && !lit.nodes.has(node.id),
        found: found.has(node.id),
        chosen: choice?.to === null && choice.at === node.id,
      });
    }
    for (const { id } of graph.hubs.values())
      this.setClasses(id, {
        hub: true,
        faded: lit !== null && !lit.nodes.has(id),
        chosen: choice?.to === null && choice.at === id,
      });
    const chosen = choice?.to ? linkId(choice.at, choice.to) : null;
    for (const link of graph.links.values())
      this.setClasses(link.id, {
        spoke: link.isSpoke,
        [link.seen]: true,
        loaded: link.seen === "Ready" && (loadOf(link) ?? 0) > 0,
        lit: lit !== null && lit.links.has(link.id),
        faded: lit !== null && !lit.links.has(link.id),
        near: choice?.to === null && (link.a === choice.at || link.b === choice.at),
        chosen: link.id === chosen,
      });
  }

  /** Thousands of links mostly stay as they are, and are left alone then. */
  private setClasses(id: string, flags: Record<string, boolean>): void {
    const element = this.cy.getElementById(id);
    const names = Object.keys(flags).filter((name) => flags[name]);
    const written = names.join(" ");
    if (element.empty() || element.scratch("classes") === written) return;
    element.scratch("classes", written);
    element.classes(names);
  }
}

function choiceOf({ target, cy }: EventObject): Choice | null {
  if (target === cy) return null;
  if (target.isNode()) return { at: target.id(), to: null };
  return { at: target.data("source"), to: target.data("target") };
}

const definitionsOf = ({ nodes, hubs, links }: Graph, places: Places): ElementDefinition[] => [
  ...[...[...nodes.values()].map(nodeData), ...[...hubs.values()].map(hubData)].flatMap((data): ElementDefinition[] => {
    const place = places.get(data.id);
    return place ? [{ group: "nodes", data, position: { ...place } }] : [];
  }),
  ...[...links.values()]
    .filter(({ a, b }) => places.has(a) && places.has(b))
    .map((link): ElementDefinition => ({ group: "edges", data: linkData(link) })),
];

function nodeData(node: TopologyNode): { id: string } & Record<string, unknown> {
  const total = Math.max(1, node.phases.total);
  const shares = PHASES.map((phase) => [phase, (100 * countOf(node.phases, phase)) / total]);
  return { id: node.id, label: labelOf(node), size: sizeOf(node), ...Object.fromEntries(shares) };
}

const hubData = ({ id, title, spokes }: Hub) => ({
  id,
  label: `${title}\n${spokes.length} spokes`,
  chars: Math.max(title.length, "100 spokes".length),
});

function labelOf({ title, kind, hosts, phases, connected }: TopologyNode): string {
  const worst = worstOf(phases);
  if (kind === "host") return worst === "Ready" ? title : `${title}\n${worst}`;
  const away = hosts - connected;
  const lines = [title, `${hosts} ${hosts === 1 ? "host" : "hosts"}`];
  if (worst !== "Ready") lines.push(`${countOf(phases, worst)} ${worst}`);
  else if (away > 0) lines.push(`${away} not heard`);
  return lines.join("\n");
}

const linkData = (link: Link) => ({
  id: link.id,
  source: link.a,
  target: link.b,
  width: widthOf(loadOf(link)),
  share: 1 - link.phases.ready / Math.max(1, link.phases.total),
});
