/** Moments as the reader wants them: in their own time zone or in UTC, kept in this browser. */

import { useSyncExternalStore } from "react";

export type Zone = "local" | "utc";

const KEY = "ovsfleet.zone";
const listeners = new Set<() => void>();

const storedZone = (): Zone => (localStorage.getItem(KEY) === "utc" ? "utc" : "local");

export function chooseZone(zone: Zone): void {
  localStorage.setItem(KEY, zone);
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const useZone = (): Zone => useSyncExternalStore(subscribe, storedZone);

interface Formats {
  short: Intl.DateTimeFormat;
  full: Intl.DateTimeFormat;
  /** Of a day that is known. */
  time: Intl.DateTimeFormat;
  minute: Intl.DateTimeFormat;
  day: Intl.DateTimeFormat;
}

function formats(timeZone?: string): Formats {
  return {
    short: new Intl.DateTimeFormat(undefined, {
      month: "short",
      day: "numeric",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
      timeZone,
    }),
    full: new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long", timeZone }),
    time: new Intl.DateTimeFormat(undefined, { timeStyle: "medium", timeZone }),
    minute: new Intl.DateTimeFormat(undefined, { timeStyle: "short", timeZone }),
    day: new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", timeZone }),
  };
}

const FORMATS: Record<Zone, Formats> = { local: formats(), utc: formats("UTC") };

export const formatsOf = (zone: Zone): Formats => FORMATS[zone];

/** A time of today, and in which zone where that is not the reader's own. */
export const timeOf = (moment: Date, zone: Zone): string =>
  formatsOf(zone).time.format(moment) + (zone === "utc" ? " UTC" : "");
