/** What the screens read, cached by TanStack Query and refreshed by the change stream. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useSession } from "../session/session";
import { allPages, document } from "./client";
import type { Fleet, Segment } from "./documents";

export const FLEET = "fleet";
/** Everything on the pages of single hosts. */
export const HOST = "host";
export const PAGE_SIZE = 500;

type Collection = "/v1/segments";

export function useFleet(): UseQueryResult<Fleet> {
  const { api } = useSession();
  return useQuery({
    queryKey: [FLEET],
    queryFn: async ({ signal }) => document(await api.GET("/v1/fleet", { signal })),
  });
}

/** All objects of a collection, named by its path. */
function useCollection<T>(path: Collection): UseQueryResult<T[]> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["objects", path.replace("/v1/", ""), "all"],
    queryFn: ({ signal }) =>
      allPages(async (page_token) => {
        const query = { page_size: PAGE_SIZE, ...(page_token && { page_token }) };
        const page = document(await api.GET(path, { params: { query }, signal }));
        return { ...page, items: page.items as T[] };
      }),
  });
}

export const useSegments = () => useCollection<Segment>("/v1/segments");
