/** Requests to the controller, typed from its OpenAPI document. Every fault leaves here as an
 * ApiError with words for a person. */

import createClient, { type Client } from "openapi-fetch";
import { heardAt } from "./clock";
import type { ProblemError } from "./documents";
import type { paths } from "./schema";

export type Api = Client<paths>;

export class ApiError extends Error {
  readonly status: number;
  /** The API's own word for what is wrong: `stale`, `confirmation_required`, … */
  readonly code: string;
  /** What is wrong with which field. */
  readonly errors: readonly ProblemError[];
  /** What else the problem document says. */
  readonly problem: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    message: string,
    code = "",
    errors: readonly ProblemError[] = [],
    problem: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.errors = errors;
    this.problem = problem;
  }

  /** The token is not, or no longer, accepted. */
  get isRefused(): boolean {
    return this.status === 401;
  }

  /** No answer in time. What took so long is not asked for again at once. */
  get isTimeout(): boolean {
    return this.code === TIMED_OUT;
  }

  /** Asking again does not help: nothing is there, or nothing that this token may see. */
  get isFinal(): boolean {
    return [401, 403, 404, 422].includes(this.status);
  }
}

export const isTimeout = (error: Error | null): boolean => error instanceof ApiError && error.isTimeout;

export const isFinal = (error: Error | null): boolean => error instanceof ApiError && error.isFinal;

/** How often to look again at what nothing tells of; what is refused stays so. */
export const unlessFinal =
  (milliseconds: number) =>
  ({ state }: { state: { error: Error | null } }): number | false =>
    isFinal(state.error) ? false : milliseconds;

const TIMED_OUT = "timed_out";
/** A connection may hang for minutes, on a network that was switched or a proxy that stalls. */
const READ_LIMIT_MS = 30_000;
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
  const isStream = request.headers.get("Accept") === "text/event-stream";
  const response = request.method === "GET" && !isStream ? await read(request) : await answerTo(request);
  heardAt(response.headers.get("Date"));
  if (!response.ok) throw await problemOf(response);
  return response;
}

async function answerTo(request: Request, signal = request.signal): Promise<Response> {
  try {
    return await fetch(request, { signal });
  } catch (error) {
    if (signal.aborted) throw error;
    throw new ApiError(0, UNREACHABLE);
  }
}

/** The whole answer, or an error in time. */
async function read(request: Request): Promise<Response> {
  const limit = AbortSignal.timeout(READ_LIMIT_MS);
  try {
    const response = await answerTo(request, AbortSignal.any([request.signal, limit]));
    return response.body ? new Response(await response.blob(), response) : response;
  } catch (error) {
    if (request.signal.aborted || error instanceof ApiError) throw error;
    if (!limit.aborted) throw new ApiError(0, UNREACHABLE);
    throw new ApiError(0, `The controller did not answer within ${READ_LIMIT_MS / 1000} s.`, TIMED_OUT);
  }
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
