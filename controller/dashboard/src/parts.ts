/** Parts of the dashboard that are files of their own. Each comes at once when it is asked for; the
 * others, one after the other, once the browser has nothing else to do: no step waits for one. */

import { lazy } from "react";

/** After the first page had the connections for itself. */
const FIRST_AFTER_MS = 2000;

const others: (() => Promise<unknown>)[] = [];
let isFetching = false;

export const part: typeof lazy = (load) => {
  others.push(load);
  if (!isFetching) setTimeout(fetchNext, FIRST_AFTER_MS);
  isFetching = true;
  return lazy(load);
};

function fetchNext(): void {
  const load = others.shift();
  isFetching = load !== undefined;
  // One that cannot be had is told to whoever asks for it.
  if (load) void load().then(whenIdle, whenIdle);
}

/** Safari does not tell. */
const whenIdle = () => (window.requestIdleCallback ?? setTimeout)(() => fetchNext());
