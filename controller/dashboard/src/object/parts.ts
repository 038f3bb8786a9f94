/** What the tabs of an object read, beside the object itself. */

import type { UseQueryResult } from "@tanstack/react-query";
import { document } from "../api/client";
import type { EffectiveTunnel } from "../api/documents";
import { keyOf, parametersOf, pathTo, type ObjectRef } from "../api/objects";
import { usePaged, type PageOf } from "../api/paged";
import type { components } from "../api/schema";
import { infoOf } from "../kinds/kinds";

type Schemas = components["schemas"];
export type Version = Schemas["VersionDocument"];
export type EventDocument = Schemas["EventDocument"];
export type DriftEvent = Schemas["DriftEventDocument"];
export type Allocation = Schemas["AllocationDocument"];
export type Usage = Schemas["PoolUsage"] & PageOf<Allocation>;

export function useHistory(ref: ObjectRef, pageToken: string): UseQueryResult<PageOf<Version>> {
  return usePaged(keyOf(ref, "history"), pageToken, async (api, paging, signal) => {
    const path = `${pathTo(infoOf(ref.kind).collection)}/{name_or_uid}/history` as const;
    const { path: of, query } = parametersOf(ref);
    return document(await api.GET(path, { params: { path: of, query: { ...query, ...paging } }, signal }));
  });
}

export function useObjectEvents(ref: ObjectRef, pageToken: string): UseQueryResult<PageOf<EventDocument>> {
  const { kind, name, project } = ref;
  return usePaged(["events", "of", kind, project ?? "", name], pageToken, async (api, paging, signal) => {
    const query = { kind, name, ...(project && { project }), ...paging };
    return document(await api.GET("/v1/events", { params: { query }, signal }));
  });
}

export function useObjectDrift(ref: ObjectRef, pageToken: string): UseQueryResult<PageOf<DriftEvent>> {
  const { kind, name, project } = ref;
  return usePaged(keyOf(ref, "drift"), pageToken, async (api, paging, signal) => {
    const query = { kind, name, ...(project && { project }), ...paging };
    return document(await api.GET("/v1/drift-events", { params: { query }, signal }));
  });
}

export function usePoolUsage(ref: ObjectRef, pageToken: string): UseQueryResult<Usage> {
  return usePaged(keyOf(ref, "usage"), pageToken, async (api, paging, signal) => {
    const params = { path: { name_or_uid: ref.name }, query: paging };
    const usage = document(await api.GET("/v1/pools/{name_or_uid}/usage", { params, signal }));
    return { ...usage, items: usage.allocations };
  });
}

/** Of a segment; with `host` only those that this host has. */
export function useSegmentTunnels(
  ref: ObjectRef,
  host: string,
  pageToken: string,
): UseQueryResult<PageOf<EffectiveTunnel>> {
  return usePaged([...keyOf(ref, "tunnels"), host], pageToken, async (api, paging, signal) => {
    const { path, query } = parametersOf(ref);
    const params = { path, query: { ...query, ...(host && { host }), ...paging } };
    return document(await api.GET("/v1/segments/{name_or_uid}/tunnels", { params, signal }));
  });
}
