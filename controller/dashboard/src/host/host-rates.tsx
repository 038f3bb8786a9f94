/** The charts of the host as a whole, or of what was chosen in its place or beside it. */

import { useQueries } from "@tanstack/react-query";
import { useMemo } from "react";
import { document } from "../api/client";
import { useTunnelOfEach, useTunnels } from "../api/host-queries";
import { keyOf } from "../api/objects";
import { OFFERED, withoutNoun, type Pool, type Wanted } from "../rates/add-series";
import { RatesCard } from "../rates/rates-card";
import { MOST_SERIES, useSelection } from "../rates/selection";
import { sourcesOf, wordOf } from "../rates/sources";
import { useSession } from "../session/session";
import { subjectsOf, TO_ALL, type Subject } from "./subjects";

export function HostRates({ host }: { host: string }) {
  const [selection, select] = useSelection();
  const tunnels = useChosenTunnels(host, selection.series);
  const ports = useChosenPorts(selection.series);
  const labels = new Map([...tunnels, ...ports].map(({ id, label }) => [id, label]));
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
      offer={(wanted) => <Tunnels host={host} {...wanted} />}
    />
  );
}

/** Those that the words are in, as options of a list. */
function Tunnels({ host, words, isAsked }: Wanted & { host: string }) {
  const q = withoutNoun("tunnel", words).replace(TO_ALL, "");
  const asked = { ...(q && { q }), page_size: OFFERED };
  const found = useTunnels(host, asked, { enabled: isAsked, keepsLast: true });
  return subjectsOf(found.data?.items ?? []).map(({ id, label }) => (
    <option key={id} value={`tunnel ${label}`} data-word={id} />
  ));
}

/** Only where something is chosen: next to the rows that choose. */
export function ChosenRates({ host }: { host: string }) {
  const [{ series }] = useSelection();
  return series.length === 0 ? null : <HostRates host={host} />;
}

const PORT = "port:";
const TUNNEL = "tunnel:";
const SEGMENT = "segment:";
/** A tunnel may have four ends of the same id, while the VTEPs of both of its hosts change. */
const MOST_ENDS = 4 * MOST_SERIES;

/** A host may have thousands of tunnels: only those that are charted are looked up. Of a segment that
 * the kernel counts, any one tells the name. */
function useChosenTunnels(host: string, series: string[]): Subject[] {
  const id = series.filter((word) => word.startsWith(TUNNEL)).sort();
  const tunnels = useTunnels(host, { id, page_size: MOST_ENDS }, { enabled: id.length > 0, keepsLast: true });
  const ofSegments = useTunnelOfEach(host, series.filter((word) => word.startsWith(SEGMENT)));
  return subjectsOf([...(tunnels.data?.items ?? []), ...ofSegments]);
}

/** A host may have a thousand ports: those that are charted are looked up, and no other. */
function useChosenPorts(series: string[]): Subject[] {
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
