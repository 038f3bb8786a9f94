/** What the page of one host reads. All keys begin with the host, so that the change stream can
 * refresh what concerns it and leave the rest. */

import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useSession } from "../session/session";
import { allPages, document, type Api } from "./client";
import type { Bridge, EffectiveTunnel, Failure, Host, Port } from "./documents";
import { HOST, PAGE_SIZE } from "./queries";

const pathOf = (name: string) => ({ path: { name_or_uid: name } });

export function useHost(name: string): UseQueryResult<Host> {
  return useHostQuery(name, "object", async (api, signal) =>
    document(await api.GET("/v1/hosts/{name_or_uid}", { params: pathOf(name), signal })),
  );
}

export function useFailures(name: string): UseQueryResult<Failure[]> {
  return useHostQuery(name, "failures", async (api, signal) => {
    const answer = await api.GET("/v1/hosts/{name_or_uid}/failures", { params: pathOf(name), signal });
    return document(answer).items;
  });
}

export function useEffectiveTunnels(name: string): UseQueryResult<EffectiveTunnel[]> {
  return useHostQuery(name, "tunnels", async (api, signal) => {
    const answer = await api.GET("/v1/hosts/{name_or_uid}/tunnels", { params: pathOf(name), signal });
    return document(answer).items;
  });
}

export const useHostPorts = (name: string) => useOnHost<Port>(name, "/v1/ports");
export const useHostBridges = (name: string) => useOnHost<Bridge>(name, "/v1/bridges");

/** The objects of a collection that are on the host. */
function useOnHost<T>(host: string, path: "/v1/ports" | "/v1/bridges"): UseQueryResult<T[]> {
  return useHostQuery(host, path, (api, signal) =>
    allPages(async (page_token) => {
      const query = { host, page_size: PAGE_SIZE, ...(page_token && { page_token }) };
      const page = document(await api.GET(path, { params: { query }, signal }));
      return { ...page, items: page.items as T[] };
    }),
  );
}

function useHostQuery<T>(
  host: string,
  part: string,
  read: (api: Api, signal: AbortSignal) => Promise<T>,
): UseQueryResult<T> {
  const { api } = useSession();
  return useQuery({ queryKey: [HOST, host, part], queryFn: ({ signal }) => read(api, signal) });
}
