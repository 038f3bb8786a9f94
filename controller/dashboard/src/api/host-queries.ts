/** What the page of one host reads. All keys begin with the host, so that the change stream can
 * refresh what concerns it and leave the rest. */

import { keepPreviousData, useQueries, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useSession } from "../session/session";
import { document, type Api } from "./client";
import type { EffectiveTunnel, Failure, Host } from "./documents";
import { useListed, usePage } from "./objects";
import { usePaged } from "./paged";
import { HOST } from "./queries";
import type { components, operations } from "./schema";

type Schemas = components["schemas"];
export type Grants = Schemas["GrantsDocument"];
export type Grant = Schemas["GrantDocument"];
export type Pin = Schemas["PinDocument"];
export type Inventory = Schemas["InventoryDocument"];
export type Observed = Schemas["ObservedDocument"];
export type ObservedItem = Schemas["ObservedItem"];
export type DesiredState = Schemas["DesiredState"];
export type HostTunnels = Schemas["HostTunnelPage"];
/** Which of a host's tunnels, and which page of them. */
export type TunnelQuery = NonNullable<operations["list_host_tunnels"]["parameters"]["query"]>;

const pathOf = (name: string) => ({ path: { name_or_uid: name } });

export function useHost(name: string): UseQueryResult<Host> {
  const { api } = useSession();
  return useQuery<Host>({
    queryKey: [HOST, name, "object"],
    placeholderData: useListed({ kind: "Host", name }) as Host | undefined,
    queryFn: async ({ signal }) =>
      document(await api.GET("/v1/hosts/{name_or_uid}", { params: pathOf(name), signal })),
  });
}

export function useFailures(name: string): UseQueryResult<Failure[]> {
  return useHostQuery(name, "failures", async (api, signal) => {
    const answer = await api.GET("/v1/hosts/{name_or_uid}/failures", { params: pathOf(name), signal });
    return document(answer).items;
  });
}

/** A table of those that these words are in. */
export const useTunnelTable = (name: string, q: string, pageToken: string): UseQueryResult<HostTunnels> =>
  usePaged([HOST, name, "tunnels", "table", q], pageToken, (api, paging, signal) =>
    readTunnels(api, name, { ...paging, ...(q && { q }) }, signal),
  );

/** The first of those that are asked for. `keepsLast`: what was found before stays until then. */
export function useTunnels(
  name: string,
  asked: TunnelQuery,
  { enabled = true, keepsLast = false } = {},
): UseQueryResult<HostTunnels> {
  const { api } = useSession();
  return useQuery({
    ...tunnelsOf(api, name, asked),
    enabled,
    ...(keepsLast && { placeholderData: keepPreviousData }),
  });
}

/** Of each resource one, where it has any. */
export function useTunnelOfEach(name: string, ids: string[]): EffectiveTunnel[] {
  const { api } = useSession();
  const found = useQueries({ queries: ids.map((id) => tunnelsOf(api, name, { id: [id], page_size: 1 })) });
  return found.flatMap(({ data }) => data?.items ?? []);
}

const tunnelsOf = (api: Api, name: string, asked: TunnelQuery) => ({
  queryKey: [HOST, name, "tunnels", asked],
  queryFn: ({ signal }: { signal: AbortSignal }) => readTunnels(api, name, asked, signal),
});

async function readTunnels(api: Api, name: string, query: TunnelQuery, signal: AbortSignal): Promise<HostTunnels> {
  const params = { ...pathOf(name), query };
  return document(await api.GET("/v1/hosts/{name_or_uid}/tunnels", { params, signal }));
}

export function useGrants(name: string): UseQueryResult<Grants> {
  return useHostQuery(name, "grants", async (api, signal) =>
    document(await api.GET("/v1/hosts/{name_or_uid}/grants", { params: pathOf(name), signal })),
  );
}

export function useInventory(name: string): UseQueryResult<Inventory> {
  return useHostQuery(name, "inventory", async (api, signal) =>
    document(await api.GET("/v1/hosts/{name_or_uid}/inventory", { params: pathOf(name), signal })),
  );
}

/** Compiled when it is asked for, and large where a thousand ports are on a host. */
export function useDesiredState(name: string): UseQueryResult<DesiredState> {
  return useHostQuery(name, "desired", async (api, signal) =>
    document(await api.GET("/v1/hosts/{name_or_uid}/desired-state", { params: pathOf(name), signal })),
  );
}

/** The host's agent looks: only when a person asks, and not again by itself. */
export function useObserved(name: string): UseQueryResult<Observed> {
  const { api } = useSession();
  return useQuery({
    queryKey: ["observed", name],
    retry: false,
    refetchInterval: false,
    queryFn: async ({ signal }) =>
      document(await api.GET("/v1/hosts/{name_or_uid}/observed", { params: pathOf(name), signal })),
  });
}

export const useHostEvents = (name: string, pageToken: string) =>
  usePaged(["events", "on", name], pageToken, async (api, paging, signal) =>
    document(await api.GET("/v1/events", { params: { query: { host: name, ...paging } }, signal })),
  );

export const useHostDrift = (name: string, pageToken: string) =>
  usePaged([HOST, name, "drift"], pageToken, async (api, paging, signal) => {
    const params = { ...pathOf(name), query: paging };
    return document(await api.GET("/v1/hosts/{name_or_uid}/drift-events", { params, signal }));
  });

/** The newest revision of what is on the host; 0 for nothing, or nothing known yet. */
export function useNewestOnHost(host: string): number {
  const newest = { host, order_by: "revision desc", page_size: 1 };
  const ports = usePage("ports", newest).data?.items ?? [];
  const bridges = usePage("bridges", newest).data?.items ?? [];
  return Math.max(0, ...[...ports, ...bridges].map(({ metadata }) => metadata.revision));
}

function useHostQuery<T>(
  host: string,
  part: string,
  read: (api: Api, signal: AbortSignal) => Promise<T>,
): UseQueryResult<T> {
  const { api } = useSession();
  return useQuery({ queryKey: [HOST, host, part], queryFn: ({ signal }) => read(api, signal) });
}
