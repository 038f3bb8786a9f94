/** What the editor asks of the API: a dry run of the draft, its difference, and the write itself. */

import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { ApiError, document } from "../api/client";
import type { ChangeWarning, ProblemError } from "../api/documents";
import { OBJECTS, parametersOf, pathTo, type StoredObject } from "../api/objects";
import type { components } from "../api/schema";
import { infoOf } from "../kinds/kinds";
import { useSession } from "../session/session";
import { manifestOf, type Draft, type Manifest } from "./drafts";

export type Difference = components["schemas"]["DifferenceDocument"];

const PAUSE_MS = 400;

/** The value once it has not changed for a moment. */
export function useSettled<T>(value: T, pauseMs = PAUSE_MS): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), pauseMs);
    return () => clearTimeout(timer);
  }, [value, pauseMs]);
  return settled;
}

/** Whether it is so, or was since this is on the screen. */
export function useEver(isSo: boolean): boolean {
  const [was, setWas] = useState(isSo);
  if (isSo && !was) setWas(true);
  return was || isSo;
}

export interface Check {
  errors: readonly ProblemError[];
  /** What is wrong with no field in particular. */
  refusal: string;
  warnings: readonly ChangeWarning[];
  action: string;
}

const NOTHING_FOUND: Check = { errors: [], refusal: "", warnings: [], action: "" };

/** What the API would answer to this draft, which is asked without writing anything. Pointers are
 * those of the manifest: `/spec/mtu`. */
export function useCheck(draft: Draft | null) {
  const { api } = useSession();
  const manifest = useSettled(draft && draft.name ? manifestOf(draft) : null);
  return useQuery({
    queryKey: ["check", manifest],
    enabled: manifest !== null,
    placeholderData: keepPreviousData,
    gcTime: 0,
    queryFn: async ({ signal }): Promise<Check> => {
      if (!manifest) return NOTHING_FOUND;
      try {
        const body = { objects: [manifest], dry_run: true } as never;
        const { results, warnings } = document(await api.POST("/v1/apply", { body, signal }));
        return { errors: [], refusal: "", warnings, action: results[0]?.action ?? "" };
      } catch (error) {
        if (!(error instanceof ApiError) || ![400, 403, 409, 422].includes(error.status)) throw error;
        const errors = error.errors.map(ofObject);
        return { errors, refusal: error.message, warnings: [], action: "" };
      }
    },
  });
}

const ofObject = (error: ProblemError): ProblemError => ({
  ...error,
  pointer: error.pointer.replace(/^\/objects\/0/, ""),
});

/** Before and after as the API writes them, for each object that would change. */
export function useDifference(manifests: Manifest[], enabled: boolean) {
  const { api } = useSession();
  return useQuery({
    queryKey: ["difference", manifests],
    enabled,
    gcTime: 0,
    queryFn: async ({ signal }): Promise<Difference[]> => {
      const body = { objects: manifests } as never;
      return document(await api.POST("/v1/diff", { body, signal })).items;
    },
  });
}

export type Written = StoredObject & { warnings: ChangeWarning[] };

interface Writing {
  draft: Draft;
  /** The revision that the draft is based on; null: there must be none yet. */
  base: number | null;
  force: boolean;
  /** Under which the request is carried out once. */
  key: string;
}

export function useWrite() {
  const { api } = useSession();
  const queryClient = useQueryClient();
  return useMutation<Written, Error, Writing>({
    mutationFn: async ({ draft, base, force, key }) => {
      const path = `${pathTo(infoOf(draft.kind).collection)}/{name_or_uid}` as const;
      const parameters = parametersOf(draft);
      const params = {
        ...parameters,
        query: { ...(infoOf(draft.kind).ofProjects && parameters.query), ...(force && { force }) },
        header: {
          "idempotency-key": key,
          ...(base === null ? { "If-None-Match": "*" } : { "if-match": `"${base}"` }),
        },
      };
      const body = manifestOf(draft) as never;
      return document(await api.PUT(path, { params, body })) as unknown as Written;
    },
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [OBJECTS] }),
  });
}
