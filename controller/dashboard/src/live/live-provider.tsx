/** Keeps the change stream open while somebody is signed in and looks, and lets queries follow it. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useState, type ReactNode } from "react";
import type { ApiError } from "../api/client";
import type { Change, StatusEvent } from "../api/documents";
import { concerns, keysOf, OBJECTS } from "../api/objects";
import { FLEET, HOST, useFleet } from "../api/queries";
import { useSession } from "../session/session";
import { followEvents } from "./event-stream";
import { CONNECTING, type Live, LiveContext } from "./live";
import { Refresher } from "./refresher";
import { whileVisible } from "./visible";

/** What hosts of which nothing is new but their revision make old. */
const ADVANCES = [[FLEET], ["topology"]];
/** What tells of the fleet as a whole, and is old as soon as any host reports. */
const SUMMARIES = [...ADVANCES, ["attention"], ["events"]];
const CHANGES = [...SUMMARIES, ["changes"]];
const EVERYTHING = [...CHANGES, [OBJECTS], [HOST]];

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
    const refresher = new Refresher(queryClient.getQueryCache(), concerns);
    const onEvent = (event: string, data: unknown) => {
      if (event === "change") refresher.mark(...CHANGES, ...keysOf(data as Change), [HOST]);
      if (event === "advanced") refresher.mark(...ADVANCES, [OBJECTS], [HOST]);
      if (event !== "status") return;
      const { host } = data as StatusEvent;
      refresher.mark(...SUMMARIES, [HOST, host]);
      refresher.markHost(host);
    };
    const onOpen = () => {
      setLive({ state: "open", reason: "", brokenSince: null });
      refresher.mark(...EVERYTHING);
    };
    const place = { fromRevision: start, lastEventId: "" };
    const follow = (stop: AbortSignal, hiddenSince: Date | null) => {
      const onBreak = (error: ApiError) => {
        if (error.isRefused) signOut(error.message);
        setLive(({ brokenSince }) => ({
          state: "broken",
          reason: error.message,
          brokenSince: brokenSince ?? hiddenSince ?? new Date(),
        }));
      };
      void followEvents(api, place, { onEvent, onOpen, onBreak }, stop);
    };
    // A browser opens six connections to one address at once, for all tabs together.
    const end = whileVisible(follow);
    return () => {
      end();
      refresher.stop();
    };
  }, [start, api, signOut, queryClient]);

  return <LiveContext value={live}>{children}</LiveContext>;
}
