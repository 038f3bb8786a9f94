/** Events as files, for a report or a spreadsheet. Pure. */

import type { EventDocument } from "./queries";

const FIELDS = [
  "at",
  "severity",
  "type",
  "count",
  "kind",
  "project",
  "name",
  "host",
  "reason",
  "message",
  "principal",
  "revision",
] as const;

export function asCsv(events: readonly EventDocument[]): string {
  const rows = events.map((event) => FIELDS.map((field) => cell(event[field])).join(","));
  return [FIELDS.join(","), ...rows, ""].join("\r\n");
}

/** RFC 4180; what a spreadsheet would take for a formula is made a text of. */
function cell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const asJson = (events: readonly EventDocument[]): string => `${JSON.stringify(events, null, 2)}\n`;
