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
  };
}

const FORMATS: Record<Zone, Formats> = { local: formats(), utc: formats("UTC") };

export const formatsOf = (zone: Zone): Formats => FORMATS[zone];
