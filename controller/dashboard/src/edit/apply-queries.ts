/** What applying a file asks of the API. The text goes there as it is, so that it means here what it
 * means to `ovsfleet apply -f`. */

import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { ApiError, document, type Api } from "../api/client";
import type { ProblemError } from "../api/documents";
import { OBJECTS } from "../api/objects";
import type { components } from "../api/schema";
import { useSession } from "../session/session";
import type { Difference } from "./queries";

export type ChangeResult = components["schemas"]["ChangeResultDocument"];
export type ObjectResult = components["schemas"]["ObjectResultDocument"];

/** What a dry run answers; the text may be one that the API does not take. */
export interface Plan {
  result: ChangeResult | null;
  errors: readonly ProblemError[];
  refusal: string;
}

/** The fleet's revision at which a dry run has looked; it answers the one that the change would get. */
export const seenBy = ({ revision, results }: ChangeResult): number =>
  results.every(({ action }) => action === "unchanged") ? revision : revision - 1;

interface Asked {
  text: string;
  /** Labels of what is deleted when it is not in the text; empty: nothing. */
  prune: string;
}

interface Query {
  dry_run?: boolean;
  confirm_count?: number;
  seen_revision?: number;
  force?: boolean;
}

interface Sending {
  signal?: AbortSignal;
  key?: string;
}

const PLANS = ["check", "apply"];
const DIFFERENCES = ["difference", "apply"];
const REFUSALS = [400, 403, 404, 409, 413, 422];

async function send(api: Api, { text, prune }: Asked, more: Query, { signal, key }: Sending): Promise<ChangeResult> {
  const query = { ...more, ...(prune && { prune_selector: prune }) };
  const params = { query, ...(key && { header: { "idempotency-key": key } }) };
  return document(await api.POST("/v1/apply", { ...asYaml(text), params, ...(signal && { signal }) }));
}

const asYaml = (text: string) => ({
  body: text as never,
  bodySerializer: (body: unknown) => body as string,
  headers: { "Content-Type": "application/yaml" },
});

export function usePlan(asked: Asked, enabled: boolean) {
  const { api } = useSession();
  return useQuery({
    queryKey: [...PLANS, asked],
    enabled,
    placeholderData: keepPreviousData,
    gcTime: 0,
    queryFn: async ({ signal }): Promise<Plan> => {
      try {
        return { result: await send(api, asked, { dry_run: true }, { signal }), errors: [], refusal: "" };
      } catch (error) {
        if (!(error instanceof ApiError) || !REFUSALS.includes(error.status)) throw error;
        return { result: null, errors: error.errors, refusal: error.message };
      }
    },
  });
}

/** Before and after of what the text creates and changes. */
export function useTextDifferences(text: string, enabled: boolean) {
  const { api } = useSession();
  return useQuery({
    queryKey: [...DIFFERENCES, text],
    enabled,
    gcTime: 0,
    queryFn: async ({ signal }): Promise<Difference[]> =>
      document(await api.POST("/v1/diff", { ...asYaml(text), signal })).items,
  });
}

export interface Application extends Asked {
  /** How many objects it deletes, as a person has confirmed. */
  count: number;
  /** At which the plan was drawn: what was changed after it is not overwritten. */
  seen: number;
  force: boolean;
  key: string;
}

export function useApply() {
  const { api } = useSession();
  const queryClient = useQueryClient();
  return useMutation<ChangeResult, Error, Application>({
    mutationFn: ({ text, prune, count, seen, force, key }) => {
      const query = { seen_revision: seen, ...(count > 0 && { confirm_count: count }), ...(force && { force }) };
      return send(api, { text, prune }, query, { key });
    },
    onSuccess: () => queryClient.invalidateQueries({ queryKey: [OBJECTS] }),
    onError: async () => {
      // What was planned may not be so any more.
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: PLANS }),
        queryClient.invalidateQueries({ queryKey: DIFFERENCES }),
      ]);
    },
  });
}

/** How far the hosts are with a revision; what they report refreshes it. */
export function useRevision(revision: number) {
  const { api } = useSession();
  return useQuery({
    queryKey: [OBJECTS, "revisions", revision],
    queryFn: async ({ signal }) =>
      document(await api.GET("/v1/revisions/{revision}", { params: { path: { revision } }, signal })),
  });
}
