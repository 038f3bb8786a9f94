/** What the address asks of a collection, in the words of the API. Pure. */

import { ApiError } from "../api/client";
import type { ListQuery } from "../api/objects";
import type { UrlState } from "../chrome/url-state";

/** What narrows a list. */
export const NARROWING = ["q", "filter", "labels", "host", "project", "phase"] as const;

const quoted = (words: string): string => JSON.stringify(words);

export function askedOf(get: UrlState["get"]): ListQuery {
  return {
    filter: filterOf(get),
    label_selector: get("labels"),
    host: get("host"),
    project: get("project"),
    order_by: get("order"),
  };
}

/** In the API's language. What a person typed in it comes first, so that places in it can be told. */
function filterOf(get: UrlState["get"]): string {
  const others = [
    get("q") && `metadata.name : ${quoted(`*${get("q")}*`)}`,
    get("phase") && `status.phase = ${quoted(get("phase"))}`,
  ].filter(Boolean);
  const typed = get("filter");
  if (!typed) return others.join(" AND ");
  return others.length === 0 ? typed : [`(${typed})`, ...others].join(" AND ");
}

/** Why the API refuses what was typed, by where it was typed. */
export interface Refusals {
  filter?: string;
  labels?: string;
}

export function refusalsOf(error: Error | null, get: UrlState["get"]): Refusals {
  if (!(error instanceof ApiError)) return {};
  const found: Refusals = {};
  for (const { code, detail, fix } of error.errors) {
    const words = [detail, fix].filter(Boolean).join("; ");
    if (code === "filter" && get("filter")) found.filter = placed(detail, fix, get);
    if (code === "label_selector" && get("labels")) found.labels = words;
  }
  return found;
}

/** The API counts characters in all of the filter; a person, in what they typed. */
function placed(detail: string, fix: string, get: UrlState["get"]): string {
  const found = /refused at character (\d+): (.*)$/s.exec(detail);
  if (!found) return `${detail}; ${fix}`;
  const isWrapped = filterOf(get) !== get("filter");
  const character = Number(found[1]) - (isWrapped ? 1 : 0);
  return `At character ${Math.min(character, get("filter").length + 1)}: ${found[2]}; ${fix}.`;
}
