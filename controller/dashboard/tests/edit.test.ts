/** What the editor decides without a browser. Run by tests/unit/test_dashboard_logic.py. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteCommand } from "../src/collection/commands.ts";
import { draftOf, emptyDraft, manifestOf, nextOf, parse, withValue, yamlOf } from "../src/edit/drafts.ts";
import { fieldsOf, inSentence, labelOf, sorted } from "../src/edit/fields.ts";
import { merge, taking } from "../src/edit/merge.ts";
import { fieldOf, fieldsBelow, placeAt, wordsOf } from "../src/edit/places.ts";
import { faultAt, hasComments, lineOf, read } from "../src/edit/positions.ts";
import { infoOf, KINDS } from "../src/kinds/kinds.ts";

const segment = (spec, labels = {}) => ({ ...emptyDraft("Segment"), name: "blue", labels, spec });

test("a stored object is written without its defaults and is read back the same", () => {
  const metadata = { name: "blue", project: "shop", labels: { tier: "web" } };
  const draft = draftOf({ kind: "Segment", metadata, spec: { vni: 7, topology: "full", mtu: "auto", hubs: [] } });
  assert.deepEqual(draft.spec, { vni: 7 });
  assert.deepEqual(parse(yamlOf(manifestOf(draft)), "Segment"), { draft });
});

test("nulls within groups and lists of groups are left out", () => {
  const ends = [{ host: "a", bridge: null, ip: null, tag: 5 }, { ip: "203.0.113.7", host: null }];
  const { spec } = draftOf({ kind: "Tunnel", metadata: { name: "t", labels: {} }, spec: { ends, csum: null } });
  assert.deepEqual(spec, { ends: [{ host: "a", tag: 5 }, { ip: "203.0.113.7" }] });
});

test("fields of a newer controller stay as they are stored", () => {
  const ends = [{ host: "a", colour: "red", bridge: null }];
  const { spec } = draftOf({ kind: "Tunnel", metadata: { name: "t", labels: {} }, spec: { ends, csum: null, newer: { of: 1 } } });
  assert.deepEqual(spec, { ends: [{ host: "a", colour: "red" }], newer: { of: 1 } });
});

test("a value is set in depth, and taken out by undefined", () => {
  const set = withValue({ vni: 7 }, ["bond", "mode"], "active-backup");
  assert.deepEqual(set, { vni: 7, bond: { mode: "active-backup" } });
  assert.deepEqual(withValue(set, ["bond", "mode"], undefined), { vni: 7, bond: {} });
});

test("the next of a series keeps its place, and neither name nor address", () => {
  const port = { ...emptyDraft("Port"), name: "web-1", project: "shop" };
  const spec = { host: "a", segment: "blue", interface: "web-1", addresses: ["192.0.2.1/24"] };
  const next = nextOf({ ...port, spec });
  assert.deepEqual([next.name, next.project, next.spec], ["", "shop", { host: "a", segment: "blue" }]);
});

test("a text that is no manifest of the kind is refused where it is wrong", () => {
  const faultOf = (text) => parse(text, "Segment").faults?.[0];
  assert.match(faultOf("kind: Port\nmetadata: {name: x}\n").message, /kind must be Segment/);
  assert.equal(faultOf("kind: Port\nmetadata: {name: x}\n").from, "kind: ".length);
  assert.match(faultOf("kind: Segment\nmetadata: {name: 5}\n").message, /metadata.name/);
  assert.match(faultOf("a: [1\nb: 2").message, /./);
  const written = (more) => faultOf(`kind: Segment\nmetadata: {name: x, ${more}`)?.message;
  assert.match(written("lables: {a: b}}\n"), /no metadata.lables; here may be name, project, labels/);
  assert.match(written("labels: [a]}\n"), /labels must be a mapping/);
  assert.match(written("project: 5}\n"), /project must be a text/);
  assert.match(written("labels: {a: b}}\nspecs: {vni: 7}\n"), /no specs; here may be kind, metadata, spec/);
  assert.equal(written("labels: }\n"), undefined);
  const two = "kind: Segment\nmetadata: {name: x}\n---\nkind: Segment\n";
  assert.equal(lineOf(two, faultOf(two).from), 4);
});

test("comments are told from values that look like them", () => {
  assert.ok(hasComments("spec: # why\n  vni: 7\n"));
  assert.ok(hasComments("# why\nspec:\n"));
  assert.ok(!hasComments("a: x#y\nb: '#c'\nc: \"# d\"\nd: |\n  # text\n  more\n"));
});

test("what an object is called cannot be changed in its text", () => {
  const faultOf = (metadata) => parse(`kind: Port\nmetadata: ${metadata}\n`, "Port", { name: "web", project: "shop" }).faults?.[0];
  assert.equal(faultOf("{name: web, project: shop}"), undefined);
  assert.match(faultOf("{name: db, project: shop}").message, /This is port web/);
  assert.match(faultOf("{name: web, project: lab}").message, /This is port shop\/web/);
  assert.match(faultOf("{name: web}").message, /This is port shop\/web/);
  const pool = "kind: Pool\nmetadata: {name: a}\n";
  assert.ok("draft" in parse(pool, "Pool", { name: "a", project: "" }));
});

test("changes of different fields are brought together, and of the same are asked about", () => {
  const base = segment({ vni: 7, mtu: 1500 });
  const mine = segment({ vni: 7, mtu: 1400 });
  const theirs = segment({ mtu: 1300, arp_mode: "suppress" }, { tier: "web" });
  const { draft, clashes } = merge(base, mine, theirs);
  assert.deepEqual(draft.spec, { mtu: 1400, arp_mode: "suppress" });
  assert.deepEqual(draft.labels, { tier: "web" });
  assert.deepEqual(clashes, [{ path: ["spec", "mtu"], base: 1500, mine: 1400, theirs: 1300 }]);
  assert.equal(clashes.reduce(taking, draft).spec.mtu, 1300);
});

test("a pointer leads to its value, or to the nearest key around what is missing", () => {
  const text = "# a file\n---\nkind: Tunnel\nspec:\n  ends:\n  - host: a\n  - {ip: x}\n---\n---\nkind: Pool\n";
  const { documents } = read(text);
  const found = (pointer) => {
    const { from, to } = faultAt(documents, pointer, "");
    return [lineOf(text, from), text.slice(from, to)];
  };
  assert.equal(documents.length, 2);
  assert.deepEqual(found("/objects/0/spec/ends/1/ip"), [7, "x"]);
  assert.deepEqual(found("/objects/0/spec/ends/0/tag"), [6, "host: a\n"]);
  assert.deepEqual(found("/objects/0/spec/key"), [4, "spec"]);
  assert.deepEqual(found("/objects/1/metadata"), [10, "kind"]);
  assert.equal(faultAt(documents, "/prune/label_selector", ""), null);
});

test("every field of every kind has a place in its form, and what has a fault is shown", () => {
  for (const { kind } of KINDS) {
    const all = fieldsOf(kind).map(({ name }) => name);
    const { first, more } = sorted(kind, {}, all);
    assert.deepEqual([...first, ...more].map(({ name }) => name).sort(), [...all].sort());
    assert.ok(first.length > 0, kind);
  }
  const names = sorted("Port", { segment: "blue" }).first.map(({ name }) => name);
  assert.ok(names.includes("segment") && !names.includes("bridge") && !names.includes("tag"));
});

test("what a choice needs is required beside it, and only there", () => {
  const required = (spec) => sorted("Port", spec).first.filter(({ required }) => required).map(({ name }) => name);
  assert.deepEqual(required({ type: "veth" }), ["host", "interface", "peer"]);
  assert.deepEqual(required({ type: "bound" }), ["iface_id"]);
});

test("labels have units and capitals", () => {
  assert.equal(labelOf("vni_pool"), "VNI pool");
  assert.equal(labelOf("max_rate_bps"), "Max rate (bit/s)");
  assert.equal(labelOf("vteps"), "VTEPs");
  assert.equal(inSentence(labelOf("vteps")), "VTEPs");
  assert.equal(inSentence(labelOf("subnets")), "subnets");
});

test("a place in a text that is being written belongs to a field", () => {
  const text = "kind: Pool\n---\nkind: Port\nspec:\n  type: \n  bond:\n    mo\n---\nkind: Tunnel\nspec:\n  ends:\n  - host: a\n    ta\n";
  const at = (words) => {
    const { kind, path, key } = placeAt(text, text.indexOf(words) + words.length);
    return [kind, path.join("."), key];
  };
  assert.deepEqual(at("type: "), ["Port", "spec", "type"]);
  assert.deepEqual(at("    mo"), ["Port", "spec.bond", null]);
  assert.deepEqual(at("    ta"), ["Tunnel", "spec.ends", null]);
  assert.ok(fieldsBelow("Tunnel", ["spec", "ends"]).some(({ name }) => name === "tag"));
  assert.ok(wordsOf(fieldOf("Port", ["spec", "bond"], "mode")).includes("balance-slb"));
  assert.equal(placeAt("spec: {vni: 7", 13), null);
});

test("a command deletes in the project of what it names", () => {
  const web = { name: "web", project: "shop" };
  const said = (...named) => deleteCommand(infoOf("Segment"), named);
  assert.equal(said(web), "ovsfleet delete segments web --project shop --confirm-count 1");
  assert.equal(said({ ...web, project: "default" }), "ovsfleet delete segments web --confirm-count 1");
  assert.equal(said(web, { ...web, project: "lab" }), undefined);
});
