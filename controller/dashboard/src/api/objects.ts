/** Objects of any kind: pages of a collection, single objects and what is read beside them.
 *
 * The API has the same operations for every kind, under paths that differ by the collection alone;
 * the one cast in `pathTo` says so to the compiler. */

import { hashKey, keepPreviousData, type Query, useQuery, useQueryClient } from "@tanstack/react-query";
import type { UseQueryResult } from "@tanstack/react-query";
import { useEffect, useEffectEvent } from "react";
import { DEFAULT_PROJECT, infoOf, isKind, type Collection, type Kind } from "../kinds/kinds";
import { useSession } from "../session/session";
import { document, type Api } from "./client";
import type { Change, Metadata, Realization, Status } from "./documents";

export const OBJECTS = "objects";

export interface StoredObject {
  kind: Kind;
  metadata: Metadata;
  spec: Record<string, unknown>;
  status: Status;
}

export interface Page<T> {
  items: T[];
  next_page_token: string;
  revision: number;
}

export interface ListQuery {
  project?: string;
  host?: string;
  filter?: string;
  label_selector?: string;
  order_by?: string;
  fields?: string;
  page_size?: number;
  page_token?: string;
}

export interface ObjectRef {
  kind: Kind;
  name: string;
  project?: string | null | undefined;
}

/** All kinds have the operations of segments. */
export const pathTo = (collection: Collection) => `/v1/${collection}` as "/v1/segments";

export const parametersOf = ({ name, project }: ObjectRef) => ({
  path: { name_or_uid: name },
  query: project ? { project } : {},
});

export function usePage<T = StoredObject>(
  collection: Collection,
  asked: ListQuery,
  enabled = true,
): UseQueryResult<Page<T>> {
  const { api } = useSession();
  // The rows stay while the next ones come.
  return useQuery({ ...pageOf<T>(api, collection, asked), enabled, placeholderData: keepPreviousData });
}

/** Reads a page that is likely to be asked for next. */
export function usePageAhead(collection: Collection, asked: ListQuery | null): void {
  const { api } = useSession();
  const client = useQueryClient();
  const page = asked && pageOf(api, collection, asked);
  const read = useEffectEvent(() => page && void client.prefetchQuery(page));
  const key = page && hashKey(page.queryKey);
  useEffect(() => {
    if (key) read();
  }, [key]);
}

function pageOf<T>(api: Api, collection: Collection, asked: ListQuery) {
  const query = Object.fromEntries(Object.entries(asked).filter(([, value]) => value)) as ListQuery;
  return {
    queryKey: [OBJECTS, collection, "page", query],
    queryFn: async ({ signal }: { signal: AbortSignal }) =>
      document(await api.GET(pathTo(collection), { params: { query }, signal })) as unknown as Page<T>,
  };
}

/** `part`: who is not to get what others have read already names a part of its own. */
export function useObject<T = StoredObject>(ref: ObjectRef, part = "object"): UseQueryResult<T> {
  const { api } = useSession();
  return useQuery({ queryKey: keyOf(ref, part), queryFn: reading<T>(api, ref) });
}

/** At once as the list has it that a person came from, and then as it is. */
export function useShownObject(ref: ObjectRef): UseQueryResult<StoredObject> {
  const { api } = useSession();
  const queryFn = reading<StoredObject>(api, ref);
  return useQuery({ queryKey: keyOf(ref, "object"), placeholderData: useListed(ref), queryFn });
}

const reading =
  <T>(api: Api, ref: ObjectRef) =>
  async ({ signal }: { signal: AbortSignal }) => {
    const path = `${pathTo(infoOf(ref.kind).collection)}/{name_or_uid}` as const;
    return document(await api.GET(path, { params: parametersOf(ref), signal })) as unknown as T;
  };

/** What a list says of an object that was read and is not old. */
export function useListed({ kind, name, project }: ObjectRef): StoredObject | undefined {
  const lists = { queryKey: [OBJECTS, infoOf(kind).collection, "page"], stale: false };
  const isIt = ({ metadata }: StoredObject) =>
    [metadata.name, metadata.uid].includes(name) && metadata.project === (project || DEFAULT_PROJECT);
  const whole = useQueryClient()
    .getQueryCache()
    .findAll(lists)
    .filter(({ queryKey }) => !(queryKey[3] as ListQuery).fields);
  // One that nobody asks for yet has been read as little as it is old.
  return whole.flatMap(({ state }) => (state.data as Page<StoredObject> | undefined)?.items ?? []).find(isIt);
}

export function useRealization(ref: ObjectRef): UseQueryResult<Realization> {
  const { api } = useSession();
  return useQuery({
    queryKey: keyOf(ref, "realization"),
    queryFn: async ({ signal }) => {
      const path = `${pathTo(infoOf(ref.kind).collection)}/{name_or_uid}/realization` as const;
      return document(await api.GET(path, { params: parametersOf(ref), signal }));
    },
  });
}

/** Everything about an object begins with this, so that the change stream can refresh it. */
export const keyOf = ({ kind, name, project }: ObjectRef, part: string): string[] => [
  OBJECTS,
  infoOf(kind).collection,
  "one",
  project ?? "",
  name,
  part,
];

/** The keys of queries that a change of intent may have made old. */
export const keysOf = ({ kind }: Change): string[][] =>
  // A newer controller may have kinds that this page does not know.
  isKind(kind) ? [[OBJECTS, infoOf(kind).collection]] : [];

/** Whether what was read of objects may show how one of these hosts does. What says nowhere on which
 * host it is may be on any. */
export function concerns({ queryKey, state }: Query, hosts: ReadonlySet<string>): boolean {
  const [of, collection, , asked] = queryKey;
  if (of !== OBJECTS) return false;
  // What a filter finds may change with the hosts' status.
  if ((asked as ListQuery | undefined)?.filter) return true;
  const { items = [state.data] } = (state.data ?? {}) as { items?: unknown[] };
  return items.some((item) => {
    const host = hostOf(collection as Collection, item as Partial<StoredObject>);
    return host === null || hosts.has(host);
  });
}

function hostOf(collection: Collection, object: Partial<StoredObject> | undefined): string | null {
  const host = collection === "hosts" ? object?.metadata?.name : object?.spec?.host;
  return typeof host === "string" ? host : null;
}

