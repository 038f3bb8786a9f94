/** What the token may do; what it may not is shown as such, and not offered. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { document } from "../api/client";
import type { components } from "../api/schema";
import type { Kind } from "../kinds/kinds";
import { useSession } from "./session";

export type WhoAmI = components["schemas"]["WhoAmI"];

export function useWhoAmI(): UseQueryResult<WhoAmI> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["whoami"],
    queryFn: async ({ signal }) => document(await api.GET("/v1/whoami", { signal })),
  });
}

/** False while it is not known: what is offered late is better than what is refused. */
export const useMayWrite = (kind: Kind): boolean =>
  useWhoAmI().data?.may.write.includes(kind) ?? false;

/** True while it is not known: most may be read by everybody. */
export const useMayRead = (kind: Kind): boolean =>
  useWhoAmI().data?.may.read.includes(kind) ?? true;

export const useMay = (verb: "enrol" | "inspect" | "operate"): boolean =>
  useWhoAmI().data?.may[verb] ?? false;
