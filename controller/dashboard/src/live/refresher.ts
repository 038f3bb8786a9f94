/** Reads again what changed: at once when quiet, gathered when busy, never twice at the same time. */

export class Refresher {
  private readonly dirty = new Set<string>();
  private running = false;

  constructor(
    private readonly refresh: (key: string) => Promise<void>,
    private readonly pauseMs = 250,
  ) {}

  mark(...keys: string[]): void {
    for (const key of keys) this.dirty.add(key);
    if (!this.running) void this.run();
  }

  private async run(): Promise<void> {
    this.running = true;
    try {
      while (this.dirty.size > 0) {
        const keys = [...this.dirty];
        this.dirty.clear();
        const began = performance.now();
        await Promise.allSettled(keys.map((key) => this.refresh(key)));
        // What takes long to read is read less often: half of the time at most.
        const pause = Math.max(this.pauseMs, performance.now() - began);
        await new Promise((resolve) => setTimeout(resolve, pause));
      }
    } finally {
      this.running = false;
    }
  }
}
