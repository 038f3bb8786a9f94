/** What is charted and over which time; the address holds both, so that a link shows the same. */

import { useSearchParams } from "wouter";

export const RANGES = [
  { key: "5m", label: "5 min", seconds: 300 },
  { key: "15m", label: "15 min", seconds: 900 },
  { key: "1h", label: "1 h", seconds: 3600 },
  { key: "6h", label: "6 h", seconds: 21_600 },
  { key: "1d", label: "1 d", seconds: 86_400 },
  { key: "7d", label: "7 d", seconds: 604_800 },
  { key: "90d", label: "90 d", seconds: 7_776_000 },
] as const;

export type Range = (typeof RANGES)[number];

const DEFAULT_RANGE: Range = RANGES[1];

export interface Selection {
  range: Range;
  /** A resource id of the host; null: the host as a whole. */
  subject: string | null;
}

export interface Select {
  range: (key: string) => void;
  subject: (subject: string | null) => void;
}

export function useSelection(): [Selection, Select] {
  const [params, setParams] = useSearchParams();
  const put = (name: string, value: string | null) =>
    setParams(
      (before) => {
        const after = new URLSearchParams(before);
        if (value) after.set(name, value);
        else after.delete(name);
        return after;
      },
      { replace: true },
    );
  const range = RANGES.find(({ key }) => key === params.get("range")) ?? DEFAULT_RANGE;
  return [
    { range, subject: params.get("series") },
    { range: (key) => put("range", key), subject: (subject) => put("series", subject) },
  ];
}
