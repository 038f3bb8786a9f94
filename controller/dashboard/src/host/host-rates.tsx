/** The charts of the host as a whole, or of the port or tunnel that is chosen in the address. */

import { useQuery } from "@tanstack/react-query";
import { document } from "../api/client";
import { useEffectiveTunnels } from "../api/host-queries";
import { OBJECTS } from "../api/objects";
import { RatesCard } from "../rates/rates-card";
import { useSelection } from "../rates/selection";
import { useSession } from "../session/session";
import { subjectsOf, type Subject } from "./subjects";

export function HostRates({ host }: { host: string }) {
  const [selection, select] = useSelection();
  const tunnels = useEffectiveTunnels(host).data ?? [];
  const port = useChosenPort(selection.subject);
  const subjects = [...(port ? [port] : []), ...subjectsOf([], tunnels)];
  return <RatesCard host={host} subjects={subjects} selection={selection} select={select} />;
}

/** Only where something is chosen: next to the rows that choose. */
export function ChosenRates({ host }: { host: string }) {
  const [{ subject }] = useSelection();
  return subject === null ? null : <HostRates host={host} />;
}

/** A host may have a thousand ports: the one that is charted is looked up, and no other. */
function useChosenPort(subject: string | null): Subject | null {
  const { api } = useSession();
  const uid = subject?.startsWith("port:") ? subject.slice("port:".length) : "";
  const { data } = useQuery({
    queryKey: [OBJECTS, "ports", "one", "", uid, "object"],
    enabled: uid !== "",
    queryFn: async ({ signal }) =>
      document(await api.GET("/v1/ports/{name_or_uid}", { params: { path: { name_or_uid: uid } }, signal })),
  });
  return data && uid ? { id: `port:${uid}`, label: data.metadata.name, kind: "Ports" } : null;
}
