/** Requests to the controller, typed from its OpenAPI document. Every fault leaves here as an
 * ApiError with words for a person. */

import createClient, { type Client } from "openapi-fetch";
import type { ProblemError } from "./documents";
import type { paths } from "./schema";

export type Api = Client<paths>;

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    /** The API's own word for what is wrong: `stale`, `confirmation_required`, … */
    readonly code = "",
    /** What is wrong with which field. */
    readonly errors: readonly ProblemError[] = [],
    /** What else the problem document says. */
    readonly problem: Readonly<Record<string, unknown>> = {},
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

async function send(request: Request): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(request);
  } catch (error) {
    if (request.signal.aborted) throw error;
    throw new ApiError(0, UNREACHABLE);
  }
  if (!response.ok) throw await problemOf(response);
  return response;
}

interface SomeProblem extends Record<string, unknown> {
  title?: string;
  detail?: string;
  code?: string;
  errors?: ProblemError[];
}

async function problemOf(response: Response): Promise<ApiError> {
  const { status } = response;
  try {
    const problem = (await response.json()) as SomeProblem;
    const words = problem.detail ?? problem.title;
    if (words) return new ApiError(status, String(words), problem.code, problem.errors, problem);
  } catch {
    // Not a problem document: a proxy's page, or a body that broke off.
  }
  return new ApiError(status, `The controller answered with HTTP ${status}.`);
}
