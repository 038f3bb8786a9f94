/** The tunnels from one host to another, by what they belong to. */

import { useTunnels } from "../api/host-queries";
import { QueryState } from "../chrome/query-state";
import { ObjectLink } from "../kinds/object-link";
import { PhaseLabel } from "../status/phase";

const MOST = 20;

export function HostTunnels({ host, remote }: { host: string; remote: string }) {
  const query = useTunnels(host, { remote, page_size: MOST });
  return (
    <>
      <h3 className="topology-subtitle">As {host} has them</h3>
      <QueryState title="Tunnels" query={query} height="4rem">
        {({ items, total }) => (
          <ul className="topology-links">
            {items.map(({ id, kind, name, project, local_ip, remote_ip, phase, reason }) => (
              <li key={`${id} ${local_ip} ${remote_ip}`}>
                <PhaseLabel phase={phase} />
                <span>
                  {kind === "mesh" ? "segment " : "tunnel "}
                  <ObjectLink kind={kind === "mesh" ? "Segment" : "Tunnel"} name={name} project={project} />
                </span>
                {phase !== "Ready" && <span className="muted detail">{reason}</span>}
              </li>
            ))}
            {total > items.length && (
              <li className="muted detail">and {total - items.length} more on the page of {host}</li>
            )}
          </ul>
        )}
      </QueryState>
    </>
  );
}
