/** Rates, read every few seconds: statistics do not come through the change stream. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { CurrentRate, Stats } from "../api/documents";
import { ApiError, document } from "../api/client";
import { useSession } from "../session/session";
import type { Range, Selection } from "./selection";

/** As often as hosts report; a chart of finer steps would have holes. */
const SHORTEST_S = 5;
const POINTS = 180;

/** By subject. */
export type Rates = Map<string, CurrentRate["rates"]>;

/** Nothing counted yet may be something soon; what is forbidden stays so. */
const every =
  (milliseconds: number) =>
  ({ state }: { state: { error: Error | null } }): number | false =>
    statusOf(state.error) === 403 ? false : milliseconds;

const statusOf = (error: Error | null): number => (error instanceof ApiError ? error.status : 0);

/** Whether a host is there and has no counters of what is asked for. */
export const isUncounted = (error: Error | null, { subject }: Selection): boolean =>
  subject !== null && statusOf(error) === 404;

export function useHostRates(host: string): UseQueryResult<Rates> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["rates", host],
    refetchInterval: every(1000 * SHORTEST_S),
    queryFn: async ({ signal }) => {
      const params = { path: { name_or_uid: host } };
      const answer = document(await api.GET("/v1/hosts/{name_or_uid}/rates", { params, signal }));
      return new Map(answer.items.map(({ subject, rates }) => [subject, rates]));
    },
  });
}

/** In seconds: no finer than hosts report, no more points than a chart has room for. */
export const stepOf = ({ seconds }: Range): number => Math.max(SHORTEST_S, Math.ceil(seconds / POINTS));

export function useStats(host: string, { range, subject }: Selection): UseQueryResult<Stats> {
  const { api } = useSession();
  const step = stepOf(range);
  return useQuery({
    queryKey: ["stats", host, subject, range.key],
    // Reading more often than steps come shows nothing new.
    refetchInterval: every(1000 * step),
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const now = Date.now() / 1000;
      const query = { from: String(now - range.seconds), step, ...(subject && { subject }) };
      const params = { path: { name_or_uid: host }, query };
      return document(await api.GET("/v1/hosts/{name_or_uid}/stats", { params, signal }));
    },
  });
}
