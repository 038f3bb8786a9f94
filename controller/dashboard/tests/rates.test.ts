/** What charts decide without a browser. Run by tests/unit/test_dashboard_logic.py. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { readWord, sideBySide, sourcesOf, wordOf } from "../src/rates/sources.ts";
import { earlier, farther, later, nearer, readSpan, spanOf, writtenSpan } from "../src/rates/spans.ts";
import { durationOf } from "../src/rates/units.ts";

const NOW = 1_800_000_000;

test("what is marked is neither too short to show anything nor in the future", () => {
  assert.deepEqual(spanOf(NOW - 500, NOW - 499, NOW), { from: NOW - 529, to: NOW - 469 });
  assert.deepEqual(spanOf(NOW - 100, NOW + 300, NOW), { from: NOW - 400, to: NOW });
});

test("a zoom moves by half of it, halves and doubles, and comes back from the address", () => {
  const span = { from: NOW - 1000, to: NOW - 600 };
  assert.deepEqual(earlier(span, NOW), { from: NOW - 1200, to: NOW - 800 });
  assert.deepEqual(later(span, NOW), { from: NOW - 800, to: NOW - 400 });
  assert.deepEqual(nearer(span, NOW), { from: NOW - 900, to: NOW - 700 });
  assert.deepEqual(farther(nearer(span, NOW), NOW), span);
  assert.deepEqual(readSpan(writtenSpan(span)), span);
  for (const wrong of ["", "1-2", `${NOW}-${NOW - 1}`, "1000000000-9999999999"]) assert.equal(readSpan(wrong), null);
});

test("words of an address name objects of any page, and else what the page's host counts", () => {
  const web = { kind: "Port", name: "web", project: "shop" };
  assert.deepEqual(readWord(wordOf(web)), web);
  assert.deepEqual(readWord("hosts/bravo"), { kind: "Host", name: "bravo", project: undefined });
  for (const none of ["tunnel:1/2", "pools/main", "ports/web", "hosts/"]) assert.equal(readWord(none), undefined);

  const alpha = { kind: "Host", name: "alpha" };
  const labels = new Map([["tunnel:1/2", "blue to bravo"]]);
  const named = (words, page = alpha) => sourcesOf(page, words, labels).map(({ label, of }) => label ?? of.name);
  assert.deepEqual(named([]), ["alpha"]);
  assert.deepEqual(named(["hosts/bravo"]), ["alpha", "bravo"]);
  assert.deepEqual(named(["tunnel:1/2", "hosts/bravo"]), ["blue to bravo", "bravo"]);
  assert.deepEqual(named(["tunnel:1/2"], web), ["web"]);
});

const stats = (length, ...series) => ({ step_seconds: 5, times: Array.from({ length }, (_, i) => 5 * i), series });
const line = (name, host = null, device = null) => ({ name, host, device, rates: { rx_bytes: [1] } });
const host = (name) => ({ word: "", of: { kind: "Host", name } });

test("a host alone shows its devices, and beside another only what all ports carry", () => {
  const answer = (name) => ({ source: host(name), stats: stats(3, line("ports", name), line("eth1", name, "eth1")) });
  const names = (...answers) => sideBySide(answers)?.series.map(({ name }) => name);
  assert.deepEqual(names(answer("alpha")), ["all ports", "eth1"]);
  assert.deepEqual(names(answer("alpha"), answer("bravo")), ["alpha, all ports", "bravo, all ports"]);
});

test("what nothing was counted of has a name and no line, and nothing at all is told as such", () => {
  const later = { source: host("alpha"), stats: stats(4, line("ports", "alpha")) };
  const both = sideBySide([{ source: host("bravo"), stats: null }, later]);
  assert.deepEqual(both?.series[0], { name: "bravo", rates: {} });
  assert.equal(both?.times.length, 4);
  assert.equal(sideBySide([{ source: host("bravo"), stats: null }]), null);
});

test("lines of one name are told apart", () => {
  const of = { kind: "Port", name: "web", project: "shop" };
  const port = { source: { word: "", of }, stats: stats(1, line("web")) };
  assert.deepEqual(sideBySide([port, port])?.series.map(({ name }) => name), ["web", "web (2)"]);
});

test("steps are told in the largest unit that fits", () => {
  assert.deepEqual([5, 60, 900, 3600, 86_400, 90].map(durationOf), ["5 s", "1 min", "15 min", "1 h", "1 d", "90 s"].map((text) => text.replace(" ", "\u202f")));
});
