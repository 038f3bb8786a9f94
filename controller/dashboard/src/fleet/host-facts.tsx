/** Whether hosts are heard, held and in service: facts beside how well they are. */

import { Link } from "wouter";
import type { Fleet } from "../api/documents";

const STATES = [
  ["maintenance", "in maintenance"],
  ["decommissioning", "being decommissioned"],
  ["removed", "removed"],
] as const;

const inState = (state: string) => `/hosts?${new URLSearchParams({ filter: `spec.state = "${state}"` })}`;

export function HostFacts({ fleet }: { fleet: Fleet }) {
  const { hosts, hosts_connected, hosts_pinned, hosts_by_state } = fleet;
  const present = STATES.filter(([state]) => hosts_by_state[state] > 0);
  return (
    <ul className="glance-legend host-facts number" aria-label="Hosts by connection and state">
      <li>
        {hosts_connected.toLocaleString()} of {hosts.total.toLocaleString()} connected
      </li>
      {hosts_pinned > 0 && (
        <li title="They undid a change, and are held until somebody releases them">
          <Link href="/hosts?phase=Degraded">{hosts_pinned.toLocaleString()} pinned</Link>
        </li>
      )}
      {present.map(([state, words]) => (
        <li key={state}>
          <Link href={inState(state)}>
            {hosts_by_state[state].toLocaleString()} {words}
          </Link>
        </li>
      ))}
    </ul>
  );
}
