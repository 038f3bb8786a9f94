/** Requests to the controller, typed from its OpenAPI document. Every fault leaves here as an
 * ApiError with words for a person. */

import createClient, { type Client } from "openapi-fetch";
import type { paths } from "./schema";

export type Api = Client<paths>;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
    this.name = "ApiError";
  }

  /** The token is not, or no longer, accepted. */
  get isRefused(): boolean {
    return this.status === 401;
  }

  /** Asking again does not help: nothing is there, or nothing that this token may see. */
  get isFinal(): boolean {
    return [401, 403, 404, 422].includes(this.status);
  }
}

export const isFinal = (error: Error | null): boolean => error instanceof ApiError && error.isFinal;

const UNREACHABLE = "The controller cannot be reached. Is it running, and is the network up?";

export function createApi(token: string): Api {
  return createClient<paths>({
    baseUrl: location.origin,
    fetch: send,
    headers: { Authorization: `Bearer ${token}` },
    credentials: "omit",
    cache: "no-store",
  });
}

/** The answer's document; `send` has thrown already when there is none. */
export function document<T>({ data }: { data?: T }): T {
  if (data === undefined) throw new ApiError(0, "The controller sent an empty answer.");
  return data;
}

/** Follows the pages of a collection. */
export async function allPages<T>(
  read: (pageToken: string) => Promise<{ items: T[]; next_page_token: string }>,
): Promise<T[]> {
  const items: T[] = [];
  let pageToken = "";
  do {
    const page = await read(pageToken);
    items.push(...page.items);
    pageToken = page.next_page_token;
  } while (pageToken);
  return items;
}

async function send(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ApiError(0, UNREACHABLE);
  }
  if (!response.ok) throw new ApiError(response.status, await problemText(response));
  return response;
}

async function problemText(response: Response): Promise<string> {
  try {
    const problem = (await response.json()) as { title?: string; detail?: string };
    if (problem.detail || problem.title) return String(problem.detail ?? problem.title);
  } catch {
    // Not a problem document: a proxy's page, or a body that broke off.
  }
  return `The controller answered with HTTP ${response.status}.`;
}
