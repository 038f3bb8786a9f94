import { Label } from "@patternfly/react-core";
import type { Host } from "../api/documents";
import { useFleet } from "../api/queries";

/** What a host has applied. It may stay behind the fleet and be up to date: what does not concern it
 * is not sent to it. */
export function HostSync({ host: { metadata, status } }: { host: Host }) {
  const head = useFleet().data?.revision;
  const { applied_revision: applied, pinned_revision: pinned } = status;
  if (applied === 0) return <span className="muted">nothing applied</span>;
  return (
    <span className="nowrap">
      {pinned !== null && pinned !== undefined ? (
        <Label color="orange" isCompact>
          Pinned
        </Label>
      ) : (
        applied < metadata.revision && (
          <Label color="blue" isCompact>
            Behind
          </Label>
        )
      )}{" "}
      <span className="number" title="Revision that the host has applied, and that of the fleet">
        {applied}
        <span className="muted"> of {head ?? "…"}</span>
      </span>
    </span>
  );
}
