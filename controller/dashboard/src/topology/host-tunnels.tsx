/** The tunnels from one host to another, by what they belong to. */

import { useEffectiveTunnels } from "../api/host-queries";
import { QueryState } from "../chrome/query-state";
import { ObjectLink } from "../kinds/object-link";
import { PhaseLabel } from "../status/phase";

const MOST = 20;

export function HostTunnels({ host, remote }: { host: string; remote: string }) {
  const query = useEffectiveTunnels(host);
  return (
    <>
      <h3 className="topology-subtitle">As {host} has them</h3>
      <QueryState title="Tunnels" query={query} height="4rem">
        {(all) => {
          const tunnels = all.filter(({ remote_host }) => remote_host === remote);
          return (
            <ul className="topology-links">
              {tunnels.slice(0, MOST).map(({ id, kind, name, project, phase, reason }) => (
                <li key={id}>
                  <PhaseLabel phase={phase} />
                  <span>
                    {kind === "mesh" ? "segment " : "tunnel "}
                    <ObjectLink kind={kind === "mesh" ? "Segment" : "Tunnel"} name={name} project={project} />
                  </span>
                  {phase !== "Ready" && <span className="muted detail">{reason}</span>}
                </li>
              ))}
              {tunnels.length > MOST && (
                <li className="muted detail">and {tunnels.length - MOST} more on the page of {host}</li>
              )}
            </ul>
          );
        }}
      </QueryState>
    </>
  );
}
