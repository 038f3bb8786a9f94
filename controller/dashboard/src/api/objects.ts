/** Objects of any kind: pages of a collection, single objects and what is read beside them.
 *
 * The API has the same operations for every kind, under paths that differ by the collection alone;
 * the one cast in `pathTo` says so to the compiler. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { infoOf, type Collection, type Kind } from "../kinds/kinds";
import { useSession } from "../session/session";
import { document } from "./client";
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
  const query = Object.fromEntries(Object.entries(asked).filter(([, value]) => value)) as ListQuery;
  return useQuery({
    queryKey: [OBJECTS, collection, "page", query],
    enabled,
    // The rows stay while the next ones come.
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) =>
      document(await api.GET(pathTo(collection), { params: { query }, signal })) as unknown as Page<T>,
  });
}

export function useObject<T = StoredObject>(ref: ObjectRef): UseQueryResult<T> {
  const { api } = useSession();
  return useQuery({
    queryKey: keyOf(ref, "object"),
    queryFn: async ({ signal }) => {
      const path = `${pathTo(infoOf(ref.kind).collection)}/{name_or_uid}` as const;
      return document(await api.GET(path, { params: parametersOf(ref), signal })) as unknown as T;
    },
  });
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
export const keysOf = (change: Change): string[] => [`${OBJECTS}/${infoOf(change.kind).collection}`];
