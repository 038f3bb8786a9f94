/** What the tabs of an object read, beside the object itself. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { document } from "../api/client";
import type { EffectiveTunnel } from "../api/documents";
import { keyOf, parametersOf, pathTo, type ObjectRef } from "../api/objects";
import type { components } from "../api/schema";
import { infoOf } from "../kinds/kinds";
import { useSession } from "../session/session";

type Schemas = components["schemas"];
export type Version = Schemas["VersionDocument"];
export type EventDocument = Schemas["EventDocument"];
export type DriftEvent = Schemas["DriftEventDocument"];
export type Allocation = Schemas["AllocationDocument"];
export type Usage = Schemas["PoolUsage"] & PageOf<Allocation>;

const ROWS = 50;

interface PageOf<T> {
  items: T[];
  next_page_token: string;
}

export function useHistory(ref: ObjectRef, pageToken: string): UseQueryResult<PageOf<Version>> {
  const { api } = useSession();
  return useQuery({
    queryKey: [...keyOf(ref, "history"), pageToken],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const path = `${pathTo(infoOf(ref.kind).collection)}/{name_or_uid}/history` as const;
      const { path: of, query } = parametersOf(ref);
      const params = { path: of, query: { ...query, ...paged(pageToken) } };
      return document(await api.GET(path, { params, signal }));
    },
  });
}

export function useObjectEvents(ref: ObjectRef, pageToken: string): UseQueryResult<PageOf<EventDocument>> {
  const { api } = useSession();
  const { kind, name, project } = ref;
  return useQuery({
    queryKey: ["events", "of", kind, project ?? "", name, pageToken],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const query = { kind, name, ...(project && { project }), ...paged(pageToken) };
      return document(await api.GET("/v1/events", { params: { query }, signal }));
    },
  });
}

export function useObjectDrift(ref: ObjectRef, pageToken: string): UseQueryResult<PageOf<DriftEvent>> {
  const { api } = useSession();
  const { kind, name, project } = ref;
  return useQuery({
    queryKey: [...keyOf(ref, "drift"), pageToken],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const query = { kind, name, ...(project && { project }), ...paged(pageToken) };
      return document(await api.GET("/v1/drift-events", { params: { query }, signal }));
    },
  });
}

export function useSegmentTunnels(ref: ObjectRef, host: string): UseQueryResult<EffectiveTunnel[]> {
  const { api } = useSession();
  return useQuery({
    queryKey: [...keyOf(ref, "tunnels"), host],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const { path, query } = parametersOf(ref);
      const params = { path, query: { ...query, ...(host && { host }) } };
      return document(await api.GET("/v1/segments/{name_or_uid}/tunnels", { params, signal })).items;
    },
  });
}

export function usePoolUsage(ref: ObjectRef, pageToken: string): UseQueryResult<Usage> {
  const { api } = useSession();
  return useQuery({
    queryKey: [...keyOf(ref, "usage"), pageToken],
    placeholderData: keepPreviousData,
    queryFn: async ({ signal }) => {
      const params = { path: { name_or_uid: ref.name }, query: paged(pageToken) };
      const usage = document(await api.GET("/v1/pools/{name_or_uid}/usage", { params, signal }));
      return { ...usage, items: usage.allocations };
    },
  });
}

const paged = (pageToken: string) => ({ page_size: ROWS, ...(pageToken && { page_token: pageToken }) });
