/** Numbers with units for people: SI prefixes, three digits. Pure. */

const BITS = 8;
const PREFIXES = ["", "k", "M", "G", "T"];

export const NO_VALUE = "—";

/** A rate of bytes per second as bits per second, as links are rated. */
export const formatBits = (bytes: number | null | undefined): string =>
  formatRate(bytes === null || bytes === undefined ? bytes : bytes * BITS, "bit/s");

export const formatPackets = (packets: number | null | undefined): string =>
  formatRate(packets, "pkt/s");

/** For the round values of an axis: no more digits than they have. */
export const formatTick = (value: number, unit: string): string =>
  formatRate(value, unit, (scaled) => String(Number(scaled.toPrecision(3))));

export function formatRate(
  value: number | null | undefined,
  unit: string,
  write: (scaled: number) => string = threeDigits,
): string {
  if (value === null || value === undefined) return NO_VALUE;
  let scaled = value;
  let step = 0;
  // 999.5 would be shown as 1000.
  while (scaled >= 999.5 && step < PREFIXES.length - 1) {
    scaled /= 1000;
    step += 1;
  }
  return `${write(scaled)}\u202f${PREFIXES[step]}${unit}`;
}

function threeDigits(value: number): string {
  if (value === 0) return "0";
  if (value >= 99.95) return value.toFixed(0);
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
}

const DURATIONS = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
] as const;

/** In the largest unit that it is a whole number of. */
export function durationOf(seconds: number): string {
  const [length, unit] = DURATIONS.find(([each]) => seconds % each === 0) ?? [1, "s"];
  return `${seconds / length}\u202f${unit}`;
}
