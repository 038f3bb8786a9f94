/** What the page of the fleet reads, beside the fleet itself. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { document, unlessFinal } from "../api/client";
import type { components } from "../api/schema";
import { useSession } from "../session/session";

type Schemas = components["schemas"];
export type AttentionItem = Schemas["AttentionItem"];
export type AttentionPage = Schemas["AttentionPage"];
export type Capacity = Schemas["CapacityDocument"];
export type PastChange = Schemas["ChangeDocument"];

const ATTENTION_ROWS = 10;
const CHANGES_READ = 40;
/** Something becomes worth a person's attention by waiting, too, and nothing tells of that. */
const LOOK_AGAIN_MS = 30_000;

export function useAttention(pageToken: string): UseQueryResult<AttentionPage> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["attention", "page", pageToken],
    placeholderData: keepPreviousData,
    refetchInterval: unlessFinal(LOOK_AGAIN_MS),
    queryFn: async ({ signal }) => {
      const query = { page_size: ATTENTION_ROWS, ...(pageToken && { page_token: pageToken }) };
      return document(await api.GET("/v1/attention", { params: { query }, signal }));
    },
  });
}

export function useLatestChanges(): UseQueryResult<PastChange[]> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["changes", "latest"],
    queryFn: async ({ signal }) => {
      const params = { query: { page_size: CHANGES_READ } };
      return document(await api.GET("/v1/changes", { params, signal })).items;
    },
  });
}
