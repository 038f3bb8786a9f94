/** Keeps the change stream open while somebody is signed in and lets queries follow it. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import type { ApiError } from "../api/client";
import type { Change, StatusEvent } from "../api/documents";
import { keysOf, OBJECTS } from "../api/objects";
import { FLEET, HOST, useFleet } from "../api/queries";
import { useSession } from "../session/session";
import { followEvents } from "./event-stream";
import { CONNECTING, type Live, LiveContext } from "./live";
import { Refresher } from "./refresher";

/** What tells of the fleet as a whole, and is old as soon as anything in it is. */
const SUMMARIES = [FLEET, "attention", "events", "changes", "topology"];
/** What hosts report moves the status of any object that is on them. */
const STATUSES = [...SUMMARIES, OBJECTS];
const EVERYTHING = [...STATUSES, HOST];

export function LiveProvider({ children }: { children: ReactNode }) {
  const { api, signOut } = useSession();
  const queryClient = useQueryClient();
  const head = useFleet().data?.revision;
  // Where the stream starts is fixed by the first answer; later heads arrive through the stream.
  const [start, setStart] = useState<number | null>(null);
  if (start === null && head !== undefined) setStart(head);
  const [live, setLive] = useState<Live>(CONNECTING);

  useEffect(() => {
    if (start === null) return;
    const stop = new AbortController();
    const refresher = new Refresher((key) =>
      queryClient.invalidateQueries({ queryKey: key.split("/") }),
    );
    const onEvent = (event: string, data: unknown) => {
      if (event === "status") refresher.mark(...STATUSES, `${HOST}/${(data as StatusEvent).host}`);
      if (event !== "change") return;
      refresher.mark(...SUMMARIES, ...keysOf(data as Change), HOST);
    };
    const onOpen = () => {
      setLive((now) => ({ ...now, state: "open", reason: "", brokenSince: null }));
      refresher.mark(...EVERYTHING);
    };
    const onBreak = (error: ApiError) => {
      if (error.isRefused) signOut(error.message);
      setLive((now) => ({
        ...now,
        state: "broken",
        reason: error.message,
        brokenSince: now.brokenSince ?? new Date(),
      }));
    };
    void followEvents(api, start, { onEvent, onOpen, onBreak }, stop.signal);
    return () => stop.abort();
  }, [start, api, signOut, queryClient]);

  return <LiveContext value={live}>{children}</LiveContext>;
}
