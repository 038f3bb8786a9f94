/** Rates, read every few seconds: statistics do not come through the change stream. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { ApiError, document, type Api } from "../api/client";
import { controllerNow } from "../api/clock";
import type { CurrentRate, Stats } from "../api/documents";
import { parametersOf } from "../api/objects";
import { infoOf } from "../kinds/kinds";
import { useSession } from "../session/session";
import type { Selection } from "./selection";
import { sideBySide, type Answer, type Drawn, type Source } from "./sources";
import { lengthOf, type Span } from "./spans";

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

const statusOf = (error: unknown): number => (error instanceof ApiError ? error.status : 0);

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
const stepOf = (seconds: number): number => Math.max(SHORTEST_S, Math.ceil(seconds / POINTS));

/** By the controller's clock. */
export const nowInSeconds = (): number => controllerNow() / 1000;

/** The time that is shown at this moment. */
export function shownSpan({ range, zoom }: Selection): Span {
  const now = nowInSeconds();
  return zoom ?? { from: now - range.seconds, to: now };
}

/** Null: nothing is counted of any of them. What is zoomed is read once: it lies in the past. */
export function useStats(sources: Source[], selection: Selection): UseQueryResult<Drawn | null> {
  const { api } = useSession();
  const { zoom, range } = selection;
  const step = stepOf(zoom ? lengthOf(zoom) : range.seconds);
  return useQuery({
    queryKey: ["stats", sources, zoom ?? range.key],
    // Reading more often than steps come shows nothing new.
    refetchInterval: zoom ? false : every(1000 * step),
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const { from, to } = shownSpan(selection);
      // Live, the controller's clock says when now is.
      const asked = { from: String(from), ...(zoom && { to: String(to) }) };
      return sideBySide(await readAll(api, sources, { ...asked, step }, signal));
    },
  });
}

interface Asked {
  from: string;
  to?: string;
  step: number;
}

/** Many ports are added up more coarsely than one: then all are read as coarsely. */
async function readAll(api: Api, sources: Source[], asked: Asked, signal: AbortSignal): Promise<Answer[]> {
  const read = (at: Asked) => Promise.all(sources.map((source) => readOne(api, source, at, signal)));
  const answers = await read(asked);
  const steps = answers.flatMap(({ stats }) => stats?.step_seconds ?? []);
  const coarsest = Math.max(...steps);
  return steps.every((step) => step === coarsest) ? answers : read({ ...asked, step: coarsest });
}

async function readOne(api: Api, source: Source, asked: Asked, signal: AbortSignal): Promise<Answer> {
  try {
    return { source, stats: document(await request(api, source, asked, signal)) };
  } catch (error) {
    if (statusOf(error) === 404) return { source, stats: null };
    throw error;
  }
}

function request(api: Api, { of, subject }: Source, asked: Asked, signal: AbortSignal): Promise<{ data?: Stats }> {
  const { path, query } = parametersOf(of);
  if (of.kind === "Host") {
    const params = { path, query: { ...asked, ...(subject !== undefined && { subject }) } };
    return api.GET("/v1/hosts/{name_or_uid}/stats", { params, signal });
  }
  // Segments, ports and tunnels have the same operation.
  const ofKind = `/v1/${infoOf(of.kind).collection}/{name_or_uid}/stats` as "/v1/segments/{name_or_uid}/stats";
  return api.GET(ofKind, { params: { path, query: { ...query, ...asked } }, signal });
}
