/** What the axes of charts say. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { ticks } from "../src/rates/chart-options.ts";

const at = (moment) => Date.parse(moment) / 1000;

test("a tick is a time, and the day where one begins or a step is one", () => {
  const hours = [at("2026-01-31T22:30:00Z"), at("2026-02-01T00:00:00Z"), at("2026-02-01T01:30:00Z")];
  const words = ticks(hours, 5400, "utc");
  assert.match(words[0], /30/);
  assert.match(words[1], /^Feb 1$/);
  assert.deepEqual(ticks([at("2026-01-31T00:00:00Z"), at("2026-02-01T12:00:00Z")], 86_400, "utc"), ["Jan 31", "Feb 1"]);
  assert.match(ticks([at("2026-01-31T22:30:05Z")], 5, "utc")[0], /30:05/);
});
