/** Times that are looked at, in UNIX seconds: how they move, and how the address has them. Pure. */

export interface Span {
  from: number;
  to: number;
}

/** A dozen points, as often as hosts report. */
const SHORTEST_S = 60;
/** As long as anything is kept. */
const LONGEST_S = 731 * 86_400;

export const lengthOf = ({ from, to }: Span): number => to - from;

export const writtenSpan = ({ from, to }: Span): string => `${from}-${to}`;

/** Null for what is no time that can be looked at. */
export function readSpan(text: string): Span | null {
  const found = /^(\d{9,11})-(\d{9,11})$/.exec(text);
  if (!found) return null;
  const span = { from: Number(found[1]), to: Number(found[2]) };
  return lengthOf(span) > 0 && lengthOf(span) <= LONGEST_S ? span : null;
}

/** Neither too short to show anything, nor in the future. */
export function spanOf(from: number, to: number, now: number): Span {
  const length = Math.round(Math.min(LONGEST_S, Math.max(SHORTEST_S, to - from)));
  const start = Math.round((from + to - length) / 2);
  const latest = Math.floor(now) - length;
  return start > latest ? { from: latest, to: latest + length } : { from: start, to: start + length };
}

/** By half of it: what was at one edge is in the middle then. */
export const earlier = ({ from, to }: Span, now: number): Span => moved(from, to, -(to - from) / 2, now);
export const later = ({ from, to }: Span, now: number): Span => moved(from, to, (to - from) / 2, now);

const moved = (from: number, to: number, by: number, now: number): Span => spanOf(from + by, to + by, now);

/** Half or twice as much, about its middle. */
export const nearer = (span: Span, now: number): Span => scaled(span, 1 / 2, now);
export const farther = (span: Span, now: number): Span => scaled(span, 2, now);

function scaled({ from, to }: Span, factor: number, now: number): Span {
  const middle = (from + to) / 2;
  const half = ((to - from) * factor) / 2;
  return spanOf(middle - half, middle + half, now);
}

export const isShortest = (span: Span): boolean => lengthOf(span) <= SHORTEST_S;
