/** What flows through the object: by host, over the time that is chosen. */

import { useQuery, keepPreviousData } from "@tanstack/react-query";
import { ApiError, document } from "../api/client";
import { keyOf, parametersOf, type ObjectRef } from "../api/objects";
import type { Stats } from "../api/documents";
import { infoOf } from "../kinds/kinds";
import { ObjectRates } from "../rates/object-rates";
import { stepOf } from "../rates/queries";
import { useSelection, type Range } from "../rates/selection";
import { useSession } from "../session/session";
import type { TabProps } from "./tabs";

export function ChartsTab({ objectRef }: TabProps) {
  const [{ range }, select] = useSelection();
  const query = useObjectStats(objectRef, range);
  const isUncounted = query.error instanceof ApiError && query.error.status === 404;
  return <ObjectRates query={query} isUncounted={isUncounted} range={range} choose={select.range} />;
}

function useObjectStats(ref: ObjectRef, range: Range) {
  const { api } = useSession();
  const step = stepOf(range);
  return useQuery<Stats>({
    queryKey: [...keyOf(ref, "stats"), range.key],
    refetchInterval: 1000 * step,
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const { path: of, query } = parametersOf(ref);
      const from = String(Date.now() / 1000 - range.seconds);
      // Segments, ports and tunnels have the same operation.
      const path = `/v1/${infoOf(ref.kind).collection}/{name_or_uid}/stats` as "/v1/segments/{name_or_uid}/stats";
      return document(await api.GET(path, { params: { path: of, query: { ...query, from, step } }, signal }));
    },
  });
}
