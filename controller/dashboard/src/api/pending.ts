/** Shapes of reads that the OpenAPI snapshot does not have yet; to be replaced by generated ones. */

import type { Stats } from "./documents";

interface Read<T, Q = never> {
  parameters: { query?: never; header?: never; path: { name_or_uid: string }; cookie?: never };
  get: {
    parameters: { query?: Q; header?: never; path: { name_or_uid: string }; cookie?: never };
    requestBody?: never;
    responses: { 200: { headers: Record<string, unknown>; content: { "application/json": T } } };
  };
  put?: never;
  post?: never;
  delete?: never;
  options?: never;
  head?: never;
  patch?: never;
  trace?: never;
}

export interface PendingPaths {
  "/v1/hosts/{name_or_uid}/stats": Read<Stats, { from?: string; subject?: string }>;
}
