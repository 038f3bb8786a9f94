/** What the screens read, cached by TanStack Query and refreshed by the change stream. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useSession } from "../session/session";
import { document } from "./client";
import type { Fleet } from "./documents";

export const FLEET = "fleet";
/** Everything on the pages of single hosts. */
export const HOST = "host";

export function useFleet(): UseQueryResult<Fleet> {
  const { api } = useSession();
  return useQuery({
    queryKey: [FLEET],
    queryFn: async ({ signal }) => document(await api.GET("/v1/fleet", { signal })),
  });
}
