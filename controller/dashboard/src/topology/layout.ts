/** Where nodes stand: worked out aside, so that the page stays quick meanwhile. */

export interface Place {
  x: number;
  y: number;
}

export type Places = ReadonlyMap<string, Place>;

export interface LayoutNode {
  id: string;
  size: number;
  isHub: boolean;
  place: Place | null;
}

export interface LayoutTask {
  /** Places that are known are kept. */
  nodes: LayoutNode[];
  links: [string, string][];
  /** Of the picture: its width by its height. */
  aspect: number;
}

export type LayoutAnswer = [id: string, place: Place][];

/** One that is done is kept for the next task: to start takes it longer than most tasks do. */
let idle: Worker | null = null;

const started = () => new Worker(new URL("./layout-worker.ts", import.meta.url), { type: "module" });

/** Has a worker start while what it is to arrange is still being read. */
export function makeReady(): void {
  if (idle) return;
  const worker = started();
  worker.onerror = () => {
    if (idle === worker) idle = null;
  };
  idle = worker;
}

/** Those of the task that have a place keep it. */
export function arrange(task: LayoutTask, stop: AbortSignal): Promise<Places> {
  const worker = idle ?? started();
  idle = null;
  return new Promise((resolve, reject) => {
    const end = () => worker.terminate();
    stop.addEventListener("abort", end);
    worker.onmessage = ({ data }: MessageEvent<LayoutAnswer>) => {
      stop.removeEventListener("abort", end);
      if (idle) end();
      else idle = worker;
      resolve(new Map(data));
    };
    worker.onerror = (event) => {
      end();
      reject(new Error(event.message));
    };
    worker.postMessage(task);
  });
}

const CIRCLE_STEP = 60;

/** What needs no working out: a circle. */
export function circle(ids: string[]): Places {
  const radius = Math.max(CIRCLE_STEP, (ids.length * CIRCLE_STEP) / (2 * Math.PI));
  const at = (index: number) => (2 * Math.PI * index) / ids.length - Math.PI / 2;
  return new Map(
    ids.map((id, n) => [id, { x: radius * Math.cos(at(n)), y: radius * Math.sin(at(n)) }]),
  );
}
