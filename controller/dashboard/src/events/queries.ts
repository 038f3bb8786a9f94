/** What happened in the fleet, newest first, as the address asks for it. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { type Api, document } from "../api/client";
import { controllerNow } from "../api/clock";
import type { components, paths } from "../api/schema";
import type { UrlState } from "../chrome/url-state";
import { useSession } from "../session/session";

export type EventDocument = components["schemas"]["EventDocument"];
export type EventPage = components["schemas"]["EventPage"];
type Query = NonNullable<paths["/v1/events"]["get"]["parameters"]["query"]>;

export const SPANS = [
  { key: "1h", title: "1 h", seconds: 3600 },
  { key: "1d", title: "1 d", seconds: 86_400 },
  { key: "7d", title: "7 d", seconds: 604_800 },
  { key: "", title: "All", seconds: 0 },
] as const;

const ROWS = 50;
/** That one file has. */
export const MOST_EXPORTED = 5000;

export const TYPES: readonly EventDocument["type"][] = [
  "object.created",
  "object.updated",
  "object.deleted",
  "host.state_changed",
  "host.enrolled",
  "host.replaced",
  "host.given_up",
  "host.connected",
  "host.disconnected",
  "host.silent",
  "host.applied",
  "host.held",
  "host.reverted",
  "host.released",
  "host.withdrawn",
  "host.adopted",
  "resource.failed",
  "resource.recovered",
  "drift.enforced",
  "drift.reported",
  "drift.gave_up",
];

/** The part of a question that does not move with the clock. */
export interface Asked {
  span: string;
  filters: Record<string, string>;
}

export function askedOf(get: UrlState["get"]): Asked {
  const names = ["host", "kind", "name", "project", "type", "severity"];
  const given = names.map((name) => [name, get(name)] as const).filter(([, value]) => value);
  return { span: get("span"), filters: Object.fromEntries(given) };
}

export function queryOf({ span, filters }: Asked, now: number): Query {
  const seconds = SPANS.find(({ key }) => key === span)?.seconds ?? 0;
  const since = seconds > 0 ? { since: new Date(now - 1000 * seconds).toISOString() } : {};
  return { ...filters, ...since } as Query;
}

export function useEvents(asked: Asked, pageToken: string): UseQueryResult<EventPage> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["events", asked, pageToken],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => readEvents(api, asked, pageToken, signal),
  });
}

export async function readEvents(
  api: Api,
  asked: Asked,
  pageToken: string,
  signal?: AbortSignal,
  rows = ROWS,
): Promise<EventPage> {
  const page = { page_size: rows, ...(pageToken && { page_token: pageToken }) };
  const query = { ...queryOf(asked, controllerNow()), ...page };
  return document(await api.GET("/v1/events", { params: { query }, signal }));
}
