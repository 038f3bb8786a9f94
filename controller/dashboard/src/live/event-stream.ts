/** GET /v1/watch as a stream that stays open: it reconnects and resumes behind the last event.
 *
 * Not the browser's EventSource, which can send no Authorization header.
 */

import { createParser } from "eventsource-parser";
import { type Api, ApiError } from "../api/client";

export interface StreamHandlers {
  onEvent: (event: string, data: unknown) => void;
  onOpen: () => void;
  onBreak: (error: ApiError) => void;
}

/** How far the stream has got; kept by whoever may open it again. */
export interface Place {
  /** Where it begins. */
  readonly fromRevision: number;
  lastEventId: string;
}

const BROKEN_OFF = "The connection to the controller broke off.";
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
// The server writes a comment every 15 s; three missed ones mean that the connection is dead.
const SILENCE_MS = 45_000;

export async function followEvents(
  api: Api,
  place: Place,
  handlers: StreamHandlers,
  stop: AbortSignal,
): Promise<void> {
  let pause = FIRST_PAUSE_MS;
  while (!stop.aborted) {
    try {
      await readOnce(api, place, stop, handlers.onEvent, () => {
        pause = FIRST_PAUSE_MS;
        handlers.onOpen();
      });
      throw new ApiError(0, "The controller closed the stream.");
    } catch (error) {
      if (stop.aborted) return;
      // What the browser says of a broken body is no sentence for a person.
      handlers.onBreak(error instanceof ApiError ? error : new ApiError(0, BROKEN_OFF));
      if (error instanceof ApiError && error.isRefused) return;
    }
    await sleep(pause * (0.75 + Math.random() / 2), stop);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function readOnce(
  api: Api,
  place: Place,
  stop: AbortSignal,
  onEvent: StreamHandlers["onEvent"],
  onOpen: () => void,
): Promise<void> {
  const silence = new AbortController();
  const { fromRevision: from_revision, lastEventId } = place;
  const { data: body } = await api.GET("/v1/watch", {
    params: {
      query: { from_revision, statuses: "news" },
      header: lastEventId ? { "last-event-id": lastEventId } : {},
    },
    headers: { Accept: "text/event-stream" },
    signal: AbortSignal.any([stop, silence.signal]),
    parseAs: "stream",
  });
  if (!body) throw new ApiError(0, "The controller sent an empty stream.");
  onOpen();
  const parser = createParser({
    onEvent: ({ event, id, data }) => {
      if (id) place.lastEventId = id;
      onEvent(event ?? "message", JSON.parse(data));
    },
  });
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      parser.feed(value);
    }
  } finally {
    clearTimeout(timer);
  }
}

function sleep(milliseconds: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    stop.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
