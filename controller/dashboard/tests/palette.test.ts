/** What the palette offers, without a browser. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { groupsOf } from "../src/palette/entries.ts";

test("a place that was used lately is offered once, so that arrow keys get past it", () => {
  const recent = [
    { href: "/topology", title: "Topology", note: "" },
    { href: "/segments/new", title: "Create segment", note: "" },
  ];
  const groups = groupsOf({ words: "", recent, writable: ["Segment", "Port"], found: [] });
  const places = groups.flatMap(({ entries }) => entries.map(({ href }) => href));
  assert.deepEqual(places.slice(0, 3), ["/topology", "/segments/new", "/"]);
  assert.equal(new Set(places).size, places.length);
});
