/** What is read again when the change stream tells of something. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { controllerNow, heardAt } from "../src/api/clock.ts";
import { concerns } from "../src/api/objects.ts";
import { Refresher } from "../src/live/refresher.ts";

/** Something on the screen that is read; each read waits until the test answers it. */
function watched(client, ...queryKey) {
  const answers = [];
  const queryFn = () => new Promise((answer) => answers.push(answer));
  const observer = new QueryObserver(client, { queryKey, queryFn, staleTime: Infinity, retry: false });
  const stop = observer.subscribe(() => {});
  return { answers, observer, stop };
}

const until = async (isSo, what) => {
  const deadline = performance.now() + 5000;
  while (!isSo()) {
    assert.ok(performance.now() < deadline, what);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

function fleetOf(client, host = () => null) {
  const concerns = ({ queryKey }, hosts) => hosts.has(host(queryKey));
  return new Refresher(client.getQueryCache(), concerns);
}

test("news while something is first read is read once that has come", async () => {
  const client = new QueryClient();
  const web = watched(client, "objects", "ports", "web");
  fleetOf(client).mark(["objects", "ports"], ["objects"]);
  await until(() => client.getQueryState(["objects", "ports", "web"]).isInvalidated, "it is not marked");
  assert.equal(web.answers.length, 1);
  web.answers[0]("Pending");
  await until(() => web.answers.length === 2, "what came before the news stays");
  web.answers[1]("Ready");
  await until(() => web.observer.getCurrentResult().data === "Ready", "the news never came");
  web.stop();
  client.clear();
});

test("what hangs keeps nothing else from being read", async () => {
  const client = new QueryClient();
  const [stuck, fleet] = [watched(client, "topology"), watched(client, "fleet")];
  const refresher = fleetOf(client);
  refresher.mark(["topology"], ["fleet"]);
  fleet.answers[0](1);
  await until(() => fleet.answers.length === 2, "the fleet waits for the topology");
  fleet.answers[1](2);
  await until(() => fleet.observer.getCurrentResult().data === 2, "the answer is lost");
  refresher.mark(["fleet"]);
  await until(() => fleet.answers.length === 3, "the fleet waits for the topology");
  assert.equal(stuck.answers.length, 1);
  refresher.stop();
  client.clear();
});

test("news of a thousand hosts is one read of what shows one of them, and none of what does not", async () => {
  const client = new QueryClient();
  const names = ["h7", "elsewhere", "h8"];
  const [shown, other, last] = names.map((name) => watched(client, "host", name));
  for (const { answers } of [shown, other, last]) answers[0]("old");
  await until(() => last.observer.getCurrentResult().data, "the first answers do not come");
  const refresher = fleetOf(client, ([, name]) => name);
  for (let n = 0; n < 1000; n += 1) refresher.markHost(`h${n}`);
  await until(() => last.answers.length === 2, "it is not read again");
  for (let n = 0; n < 1000; n += 1) refresher.markHost(`h${n}`);
  last.answers[1]("new");
  await until(() => last.answers.length === 3, "what is news meanwhile is not read");
  assert.deepEqual([shown.answers.length, other.answers.length], [2, 1]);
  refresher.stop();
  client.clear();
});

test("a host's report concerns its own rows, what a filter finds and what names no host", () => {
  const hosts = new Set(["h1"]);
  const page = (collection, asked, ...items) =>
    concerns({ queryKey: ["objects", collection, "page", asked], state: { data: { items } } }, hosts);
  const on = (host) => ({ metadata: { name: "web" }, spec: { host } });
  assert.equal(page("ports", {}, on("h2"), on("h1")), true);
  assert.equal(page("ports", {}, on("h2"), on("h3")), false);
  assert.equal(page("ports", { filter: 'status.phase = "Failed"' }, on("h2")), true);
  assert.equal(page("segments", {}, on(undefined)), true);
  assert.equal(page("hosts", {}, { metadata: { name: "h2" }, spec: {} }), false);
  const one = { queryKey: ["objects", "ports", "one", "", "web", "object"], state: { data: on("h2") } };
  assert.equal(concerns(one, hosts), false);
  assert.equal(concerns({ ...one, state: { data: undefined } }, hosts), true);
});

test("the controller's clock counts where the browser's is far off", () => {
  const [off, near] = [20 * 60_000, 2000];
  heardAt(new Date(Date.now() - off).toUTCString());
  assert.ok(Math.abs(controllerNow() - (Date.now() - off)) < 2000);
  heardAt(new Date(Date.now() + near).toUTCString());
  assert.ok(Math.abs(controllerNow() - Date.now()) < 100);
});
