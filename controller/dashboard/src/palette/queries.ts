import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { document } from "../api/client";
import type { components } from "../api/schema";
import { useSession } from "../session/session";

/** Objects that have the words in their name or addresses; asks nothing without words. */
export function useSearch(words: string): UseQueryResult<components["schemas"]["SearchAnswer"]> {
  const { api } = useSession();
  const q = words.trim();
  return useQuery({
    queryKey: ["search", q],
    enabled: q !== "",
    placeholderData: keepPreviousData,
    // What was found is looked for again: nothing tells of what would be found by now.
    staleTime: 0,
    gcTime: 0,
    queryFn: async ({ signal }) => document(await api.GET("/v1/search", { params: { query: { q } }, signal })),
  });
}
