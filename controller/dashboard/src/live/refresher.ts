/** Reads again what changed, each query for itself: at once when it is quiet, ever less often while
 * news keeps coming, never twice at the same time. What hangs keeps nothing else waiting. */

import { hashKey, type Query, type QueryCache, type QueryKey } from "@tanstack/react-query";

/** What says the same within this time is looked for once. */
const GATHER_MS = 20;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;
/** What takes long to read is read a quarter of the time at most, unless it takes very long. */
const REST = 3;
const LONGEST_REST_MS = 15_000;

interface Lane {
  /** Marked since its last read began. */
  isWanted: boolean;
}

/** Whether a query may show something of one of these hosts. */
type Concerns = (query: Query, hosts: ReadonlySet<string>) => boolean;

export class Refresher {
  private readonly cache: QueryCache;
  private readonly concerns: Concerns;
  private readonly marked = new Map<string, QueryKey>();
  private readonly hosts = new Set<string>();
  private readonly lanes = new Map<string, Lane>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isStopped = false;

  constructor(cache: QueryCache, concerns: Concerns) {
    this.cache = cache;
    this.concerns = concerns;
  }

  /** Everything whose key begins with one of these is old. */
  mark(...keys: QueryKey[]): void {
    for (const key of keys) this.marked.set(hashKey(key), key);
    this.gather();
  }

  /** What shows something of the host is old. */
  markHost(host: string): void {
    this.hosts.add(host);
    this.gather();
  }

  stop(): void {
    this.isStopped = true;
    clearTimeout(this.timer);
  }

  private gather(): void {
    this.timer ??= setTimeout(() => this.look(), GATHER_MS);
  }

  private look(): void {
    this.timer = undefined;
    const keys = [...this.marked.values()];
    const hosts = new Set(this.hosts);
    this.marked.clear();
    this.hosts.clear();
    for (const query of this.cache.getAll())
      if (keys.some((key) => isBelow(query.queryKey, key)) || (hosts.size > 0 && this.concerns(query, hosts)))
        this.follow(query);
  }

  private follow(query: Query): void {
    // What nobody looks at now is read when somebody does.
    query.invalidate();
    if (!query.isActive()) return;
    const lane = this.lanes.get(query.queryHash);
    if (lane) lane.isWanted = true;
    else void this.run(query);
  }

  private async run(query: Query): Promise<void> {
    const lane: Lane = { isWanted: true };
    this.lanes.set(query.queryHash, lane);
    let pause = FIRST_PAUSE_MS;
    while (lane.isWanted) {
      // What is on its way may be from before the news.
      await settled(query.promise);
      if (this.isStopped) return;
      query.invalidate();
      if (!query.isActive()) break;
      lane.isWanted = false;
      const began = performance.now();
      await settled(query.fetch());
      await sleep(Math.max(pause, Math.min(REST * (performance.now() - began), LONGEST_REST_MS)));
      pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
    }
    this.lanes.delete(query.queryHash);
  }
}

const isBelow = (key: QueryKey, prefix: QueryKey): boolean =>
  prefix.every((part, index) => key[index] === part);

const settled = (promise: Promise<unknown> | undefined): Promise<unknown> =>
  Promise.resolve(promise).catch(() => undefined);

const sleep = (milliseconds: number): Promise<void> =>
  new Promise((resolve) => setTimeout(resolve, milliseconds));
