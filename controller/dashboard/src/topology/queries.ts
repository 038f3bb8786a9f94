/** What the topology screen reads. Loads do not come through the change stream: it is read again
 * every few seconds as well. */

import { keepPreviousData, useQuery, type UseQueryResult } from "@tanstack/react-query";
import { document, unlessFinal } from "../api/client";
import { useSession } from "../session/session";
import type { Topology } from "./graph";

const EVERY_MS = 15_000;

export interface Asked {
  group_by: string;
  within?: string;
  label_selector?: string;
  segment?: string;
  project?: string;
}

/** What was asked goes with the answer: the one before stays while the next is read. */
export type AnsweredTopology = Topology & { within: string };

/** Nothing is read while nothing is asked. */
export function useTopology(asked: Asked | null): UseQueryResult<AnsweredTopology> {
  const { api } = useSession();
  const given = Object.fromEntries(Object.entries(asked ?? {}).filter(([, value]) => value));
  const query = { ...given, meshes: "auto" as const };
  return useQuery({
    queryKey: ["topology", query],
    enabled: asked !== null,
    // The graph stays until the next one is there.
    placeholderData: keepPreviousData,
    refetchInterval: unlessFinal(EVERY_MS),
    queryFn: async ({ signal }) => {
      const topology = document(await api.GET("/v1/topology", { params: { query }, signal }));
      return { ...topology, within: asked?.within ?? "" };
    },
  });
}
