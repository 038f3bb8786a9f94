/** Who the host is and how it is doing; connection and sync are two facts. */

import { DescriptionList, Label } from "@patternfly/react-core";
import type { Host } from "../api/documents";
import { useNewestOnHost } from "../api/host-queries";
import { useFleet } from "../api/queries";
import { Moment } from "../chrome/moment";
import { ObjectLink } from "../kinds/object-link";
import { Fact } from "../object/facts";
import { syncOf } from "./sync";

export function HostFacts({ host }: { host: Host }) {
  const { metadata, spec } = host;
  const labels = Object.entries(metadata.labels);
  return (
    <DescriptionList isCompact isAutoFit autoFitMinModifier={{ default: "15rem" }}>
      <Fact term="Connection">
        <Connection host={host} />
      </Fact>
      <Fact term="Sync">
        <SyncFact host={host} />
      </Fact>
      <Fact term="Underlay">
        <span className="mono">{spec.vteps.join(", ") || "no VTEP"}</span>
        <span className="muted"> MTU {spec.underlay_mtu} bytes</span>
      </Fact>
      <Fact term="Switch">
        <Switch host={host} />
      </Fact>
      {spec.zones.length > 0 && (
        <Fact term="Transport zones">
          <span className="labels">
            {spec.zones.map((zone) => (
              <ObjectLink key={zone} kind="TransportZone" name={zone} />
            ))}
          </span>
        </Fact>
      )}
      <Fact term="Guarded changes">
        {spec.confirm === "always" ? "all" : "those of the way to the controller"}
        <span className="muted"> undone after {spec.confirm_timeout_s} s without an answer</span>
      </Fact>
      {labels.length > 0 && (
        <Fact term="Labels">
          <span className="labels">
            {labels.map(([key, value]) => (
              <Label key={key} isCompact variant="outline">
                {key}={value}
              </Label>
            ))}
          </span>
        </Fact>
      )}
      <Fact term="Revision">
        <span className="number">{metadata.revision}</span>
        <span className="muted">
          {" "}
          changed <Moment at={metadata.updated_at} />
        </span>
      </Fact>
      <Fact term="UID">
        <span className="mono">{metadata.uid}</span>
      </Fact>
    </DescriptionList>
  );
}

const CONNECTIONS = {
  True: { color: "green", text: "Connected" },
  Unknown: { color: "purple", text: "Silent" },
  False: { color: "grey", text: "Never connected" },
} as const;

function Connection({ host }: { host: Host }) {
  const condition = host.status.conditions.find(({ type }) => type === "Connected");
  if (!condition) return <span className="muted">not known</span>;
  const { color, text } = CONNECTIONS[condition.status];
  return (
    <>
      <Label color={color} isCompact>
        {condition.reason === "NotEnrolled" ? "Not enrolled" : text}
      </Label>
      {condition.last_transition && (
        <span className="muted">
          {" "}
          since <Moment at={condition.last_transition} />
        </span>
      )}
    </>
  );
}

function SyncFact({ host }: { host: Host }) {
  const sync = syncOf(host, useNewestOnHost(host.metadata.name));
  const applied = host.status.applied_revision;
  const head = useFleet().data?.revision;
  return (
    <>
      <Label color={sync.color} isCompact>
        {sync.text}
      </Label>{" "}
      <span className="muted number">
        revision {applied} applied
        {applied < sync.wanted && `, ${sync.wanted} wanted`}
        {head !== undefined && `, fleet at ${head}`}
      </span>
    </>
  );
}

function Switch({ host: { spec } }: { host: Host }) {
  if (spec.overlay_bridge_type === "linux")
    return (
      <>
        Linux bridges <span className="muted">no Open vSwitch</span>
      </>
    );
  return (
    <>
      Open vSwitch <span className="muted">overlay on</span>{" "}
      <span className="mono">{spec.overlay_bridge}</span>{" "}
      <span className="muted">{spec.datapath_type} datapath</span>
    </>
  );
}
