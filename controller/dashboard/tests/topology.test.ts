/** What the graph of the fleet decides without a browser. Run by tests/unit/test_dashboard_logic.py. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { areDense, besides, clustersOf, compact, ringOf, rings, spread } from "../src/topology/around.ts";
import { graphOf, litBy, mostlyWorstOf, withMesh } from "../src/topology/graph.ts";

const counts = (given) => {
  const all = { ready: 0, degraded: 0, failed: 0, unknown: 0, pending: 0, ...given };
  return { ...all, total: Object.values(all).reduce((sum, each) => sum + each, 0) };
};
const host = (id) => ({ id, title: id, kind: "host", hosts: 1, connected: 1, phases: counts({ ready: 1 }), labels: {} });
const unrated = { tx_bps: null, rx_bps: null, worst: null };
const edge = (a, b, phases) => ({ a, b, tunnels: 1, segments: 1, phases: counts(phases), ...unrated });
const hub = (id, names, nodes, phases = { ready: 9 }) => ({
  id,
  segments: names.map((name) => ({ project: "default", name })),
  tunnels: 1,
  spokes: nodes.map((node) => ({ node, ends: 9, phases: counts(phases), ...unrated })),
});
const node = (id, isHub = false, place = null) => ({ id, size: 36, isHub, place });
const task = (nodes, links, aspect = 1) => ({ nodes, links, aspect });

test("a hub has a link to each of its nodes, and what fails by itself another", () => {
  const nodes = ["a", "b", "c"].map(host);
  const whole = { nodes, edges: [edge("a", "b", { failed: 1 })], hubs: [hub("segment:1", ["red"], ["a", "b", "c"])] };
  const graph = graphOf(whole);
  assert.deepEqual([...graph.links.keys()], ["a\nb", "a\nsegment:1", "b\nsegment:1", "c\nsegment:1"]);
  assert.deepEqual([graph.hubs.get("segment:1").title, graph.of.get("segment:1").length], ["red", 3]);
  const mesh = { ...whole, hubs: [hub("segment:2", ["blue"], ["a", "b"])], edges: [] };
  const both = graphOf(withMesh(whole, mesh));
  assert.equal(both.links.size, 6);
  assert.deepEqual([...litBy(mesh).links], ["a\nsegment:2", "b\nsegment:2"]);
});

test("a spoke is as at least half of the ends of one host are", () => {
  assert.equal(mostlyWorstOf(counts({ ready: 148, failed: 1 }), 1), "Ready");
  assert.equal(mostlyWorstOf(counts({ failed: 149 }), 1), "Failed");
  assert.equal(mostlyWorstOf(counts({ ready: 96, unknown: 4 }), 25), "Unknown");
  assert.equal(mostlyWorstOf(counts({}), 1), "Ready");
});

test("nodes around a hub stand apart from each other and from it", () => {
  for (const aspect of [1, 1.7]) {
    const places = [{ x: 0, y: 0 }, ...rings(150, aspect)];
    assert.equal(places.length, 151);
    for (const [n, a] of places.entries())
      for (const b of places.slice(n + 1)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > 40, `${n}`);
  }
});

test("nodes of the same hubs stand together, and those of one hub around it", () => {
  const nodes = [node("H", true), node("I", true), ...["a", "b", "c", "d", "e"].map((id) => node(id))];
  const links = [["a", "H"], ["b", "H"], ["c", "H"], ["c", "I"], ["d", "H"], ["d", "I"], ["a", "c"]];
  const { clusters, links: between } = clustersOf(task(nodes, links));
  const ids = clusters.map(({ members }) => members.map(([id]) => id).join(""));
  assert.deepEqual(ids, ["Hab", "I", "cd", "e"]);
  assert.deepEqual(between.map((ends) => ends.join()).sort(), ["H I,I", "H,H I"]);
  const placed = new Map(spread(clusters, new Map([["H", { x: 100, y: 5 }]])));
  assert.deepEqual([placed.size, placed.get("H")], [7, { x: 100, y: 5 }]);
});

test("clusters stand as near as they have room, in the shape of the picture", () => {
  const clusters = ["a", "b", "c"].map((id) => ({ id, members: [], width: 100, height: 50 }));
  const far = new Map([["a", { x: 0, y: 0 }], ["b", { x: 1000, y: 0 }], ["c", { x: 0, y: 1000 }]]);
  const places = [...compact(clusters, far, 1).values()].map(({ x, y }) => [Math.round(x), Math.round(y)]);
  assert.deepEqual(places, [[0, 0], [100, 0], [0, 100]]);
});

test("where all have links with all, they stand in one ring with room for each", () => {
  const groups = ["a", "b", "c", "d", "e", "f"].map((id) => ({ ...node(id), size: 104 }));
  const pairs = groups.flatMap(({ id: a }, n) => groups.slice(n + 1).map(({ id: b }) => [a, b]));
  assert.deepEqual([areDense(task(groups, pairs)), areDense(task(groups, pairs.slice(0, 6)))], [true, false]);
  const places = ringOf(task(groups, pairs, 1.4));
  for (const [n, [, a]] of places.entries())
    for (const [, b] of places.slice(n + 1)) assert.ok(Math.hypot(a.x - b.x, a.y - b.y) > 150);
});

test("who comes stands where there is room beside its hub, and nobody else moves", () => {
  const around = rings(8, 1).map((place, n) => node(`n${n}`, false, place));
  const nodes = [node("H", true, { x: 0, y: 0 }), ...around, node("new")];
  const places = new Map(besides(task(nodes, [["new", "H"]])));
  for (const { id, place } of nodes) if (place) assert.deepEqual(places.get(id), place);
  const { x, y } = places.get("new");
  assert.ok(around.every(({ place }) => Math.hypot(place.x - x, place.y - y) > 60));
  assert.ok(Math.hypot(x, y) < 300);
});
