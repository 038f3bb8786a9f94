/** The charts of the host as a whole, or of what was chosen in its place or beside it. */

import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { document } from "../api/client";
import { useEffectiveTunnels } from "../api/host-queries";
import { keyOf } from "../api/objects";
import type { Pool } from "../rates/add-series";
import { RatesCard } from "../rates/rates-card";
import { useSelection } from "../rates/selection";
import { sourcesOf, wordOf } from "../rates/sources";
import { useSession } from "../session/session";
import { subjectsOf } from "./subjects";

export function HostRates({ host }: { host: string }) {
  const [selection, select] = useSelection();
  const tunnels = subjectsOf(useEffectiveTunnels(host).data ?? []);
  const labels = new Map([...tunnels, ...useChosenPorts(selection.series)].map(({ id, label }) => [id, label]));
  const sources = sourcesOf({ kind: "Host", name: host }, selection.series, labels);
  const pools = useMemo<Pool[]>(
    () => [
      { kind: "Port", narrowed: { host }, wordOf: ({ uid }) => `${PORT}${uid}` },
      {
        kind: "Host",
        narrowed: {},
        besides: host,
        wordOf: ({ name }) => wordOf({ kind: "Host", name }),
      },
    ],
    [host],
  );
  return (
    <RatesCard
      sources={sources}
      selection={selection}
      select={select}
      pools={pools}
      known={tunnels.map(({ id, label }) => (
        <option key={id} value={`tunnel ${label}`} data-word={id} />
      ))}
    />
  );
}

/** Only where something is chosen: next to the rows that choose. */
export function ChosenRates({ host }: { host: string }) {
  const [{ series }] = useSelection();
  return series.length === 0 ? null : <HostRates host={host} />;
}

const PORT = "port:";

/** A host may have a thousand ports: those that are charted are looked up, and no other. */
function useChosenPorts(series: string[]): { id: string; label: string }[] {
  const { api } = useSession();
  const uids = series.filter((word) => word.startsWith(PORT)).map((word) => word.slice(PORT.length));
  const found = useQueries({
    queries: uids.map((uid) => ({
      queryKey: keyOf({ kind: "Port" as const, name: uid }, "object"),
      queryFn: async ({ signal }: { signal: AbortSignal }) =>
        document(await api.GET("/v1/ports/{name_or_uid}", { params: { path: { name_or_uid: uid } }, signal })),
    })),
  });
  return found.flatMap(({ data }, index) =>
    data ? [{ id: `${PORT}${uids[index]}`, label: data.metadata.name }] : [],
  );
}
