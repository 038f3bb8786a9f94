/** What the token may do; what it may not is shown as such, and not offered. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { document } from "../api/client";
import type { Kind } from "../kinds/kinds";
import { useSession } from "./session";

export interface WhoAmI {
  name: string;
  roles: string[];
  projects: string[] | null;
  expires_at: string | null;
  may: { read: Kind[]; write: Kind[]; enrol: boolean; inspect: boolean; operate: boolean };
}

export function useWhoAmI(): UseQueryResult<WhoAmI> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["whoami"],
    queryFn: async ({ signal }) =>
      document(await api.GET("/v1/whoami" as "/v1/fleet", { signal })) as unknown as WhoAmI,
  });
}

/** False while it is not known: what is offered late is better than what is refused. */
export const useMayWrite = (kind: Kind): boolean =>
  useWhoAmI().data?.may.write.includes(kind) ?? false;

export const useMay = (verb: "enrol" | "inspect" | "operate"): boolean =>
  useWhoAmI().data?.may[verb] ?? false;
