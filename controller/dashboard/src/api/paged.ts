/** Lists that the server hands out page by page. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useSession } from "../session/session";
import type { Api } from "./client";

const ROWS = 50;

export interface PageOf<T> {
  items: T[];
  next_page_token: string;
}

/** What a request of a page says of it. */
export interface Paging {
  page_size: number;
  page_token?: string;
}

/** One page of a list; its rows stay while the next ones come. */
export function usePaged<T>(
  key: readonly unknown[],
  pageToken: string,
  read: (api: Api, paging: Paging, signal: AbortSignal) => Promise<T>,
): UseQueryResult<T> {
  const { api } = useSession();
  const paging = { page_size: ROWS, ...(pageToken && { page_token: pageToken }) };
  return useQuery({
    queryKey: [...key, pageToken],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => read(api, paging, signal),
  });
}
