/** How the graph looks; colours come from the page's style, so both themes follow. */

import type { NodeSingular, StylesheetJson } from "cytoscape";
import { PHASES, type Phase } from "../api/documents";
import type { TopologyNode } from "./graph";

const HOST_SIZE = 36;
const GROUP_SIZE = 48;
const LARGEST = 104;
export const HUB_SIZE = 44;
/** Where there are more links, each is drawn so faintly that nodes stay legible. */
export const MANY_LINKS = 250;
export const NEAR = 14;
const FAR = 28;
const SEEN = 9.5;

/** The height of names that are read where everything is in sight, as far as there is room. */
export const fontAt = (zoom: number): number => Math.round(Math.min(FAR, Math.max(NEAR, SEEN / zoom)));

export const sizeOf = ({ kind, hosts }: TopologyNode): number =>
  kind === "host" ? HOST_SIZE : Math.min(LARGEST, GROUP_SIZE + 4 * Math.sqrt(hosts));

const THIN = 1.5;
const THICK = 12;
const MEGABIT = 1e6;

/** Two pixels more for each tenfold of load: 1 Mbit/s is seen, 10 Gbit/s is no bar. */
export const widthOf = (bitsPerSecond: number | null): number =>
  Math.min(THICK, THIN + 2 * Math.log10(1 + (bitsPerSecond ?? 0) / MEGABIT));

/** Never by colour alone: solid is Ready. The lengths of dashes and gaps. */
export const DASHES: Record<Phase, number[]> = {
  Ready: [],
  Degraded: [14, 4],
  Pending: [8, 5],
  Unknown: [2, 5],
  Failed: [5, 9],
};

export function lookOf(style: CSSStyleDeclaration, areMany: boolean, font: number): StylesheetJson {
  const token = (name: string) => style.getPropertyValue(name).trim();
  const text = style.color;
  const surface = token("--topology-surface");
  const chosen = token("--topology-chosen");
  const rules = [
    {
      selector: "node",
      style: {
        width: "data(size)",
        height: "data(size)",
        "background-color": surface,
        "pie-size": "100%",
        "pie-hole": "72%",
        ...Object.fromEntries(PHASES.flatMap((phase, n) => slice(phase, n + 1, token))),
        label: "data(label)",
        color: text,
        "font-family": style.fontFamily,
        "font-size": font,
        "text-wrap": "wrap",
        "text-valign": "bottom",
        "text-margin-y": 5,
        "text-outline-color": surface,
        "text-outline-width": 2,
        "min-zoomed-font-size": 7,
        "overlay-opacity": 0,
        "z-index": 10,
      },
    },
    {
      selector: "node.inner-trouble",
      style: { "border-width": 3, "border-style": "dashed", "border-color": text, "border-position": "outside" },
    },
    {
      selector: "node.hub",
      style: {
        shape: "round-rectangle",
        // The name stands within.
        width: (hub: NodeSingular) => hub.data("chars") * 0.6 * font + font,
        height: HUB_SIZE * (font / NEAR),
        "background-color": token("--topology-hub"),
        "pie-size": 0,
        "border-width": 2,
        "border-color": token("--topology-link"),
        "text-valign": "center",
        "text-margin-y": 0,
        "text-outline-width": 0,
        "font-weight": "bold",
        "min-zoomed-font-size": 5,
        "z-index": 12,
      },
    },
    { selector: "node.away", style: { "background-color": token("--topology-away") } },
    {
      selector: "edge",
      style: {
        "curve-style": "haystack",
        width: "data(width)",
        opacity: areMany ? 0.18 : 0.6,
        "overlay-opacity": 0,
        "line-color": token("--topology-link"),
      },
    },
    { selector: "edge.spoke", style: { opacity: areMany ? 0.18 : 0.45 } },
    ...PHASES.filter((phase) => phase !== "Ready").map((phase) => ({
      selector: `edge.${phase}`,
      style: {
        "line-color": token(colourOf(phase)),
        "line-style": "dashed",
        "line-dash-pattern": DASHES[phase],
        // One tunnel of thousands must not look like all of them.
        opacity: `mapData(share, 0, 1, ${areMany ? "0.2, 0.6" : "0.4, 1"})`,
        "z-index": 2,
      },
    })),
    { selector: "edge.loaded", style: { "line-color": token("--phase-ready"), opacity: areMany ? 0.3 : 0.6 } },
    { selector: ".lit", style: { opacity: 1, "z-index": 5 } },
    { selector: "edge.faded", style: { opacity: 0.06 } },
    { selector: "node.faded", style: { opacity: 0.25 } },
    { selector: "edge.near", style: { opacity: 1, "z-index": 6 } },
    { selector: "edge.chosen", style: { "line-color": chosen, opacity: 1, "z-index": 8 } },
    {
      selector: "node.found",
      style: { "underlay-color": chosen, "underlay-opacity": 0.2, "underlay-padding": 8, "underlay-shape": "ellipse" },
    },
    {
      selector: "node.chosen",
      style: { "underlay-color": chosen, "underlay-opacity": 0.55, "underlay-padding": 8, "underlay-shape": "ellipse" },
    },
  ];
  return rules as unknown as StylesheetJson;
}

export const colourOf = (phase: Phase): string => `--phase-${phase.toLowerCase()}`;

function slice(phase: Phase, n: number, token: (name: string) => string): [string, string][] {
  return [
    [`pie-${n}-background-color`, token(colourOf(phase))],
    [`pie-${n}-background-size`, `data(${phase})`],
  ];
}
