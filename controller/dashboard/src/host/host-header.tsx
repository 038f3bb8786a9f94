/** Who the host is and how it is doing; connection and sync are two facts. */

import { DescriptionList, DescriptionListDescription } from "@patternfly/react-core";
import { DescriptionListGroup, DescriptionListTerm, Label, Title } from "@patternfly/react-core";
import type { ReactNode } from "react";
import type { Bridge, Host, Port } from "../api/documents";
import { useFleet } from "../api/queries";
import { Moment } from "../chrome/moment";
import { PhaseLabel } from "../status/phase";
import { type Sync, syncOf } from "./sync";

interface Props {
  host: Host;
  /** What else the host has to apply. */
  objects: (Port | Bridge)[];
}

export function HostHeader({ host, objects }: Props) {
  const { metadata, spec, status } = host;
  const labels = Object.entries(metadata.labels);
  return (
    <>
      <div className="page-heading host-heading">
        <Title headingLevel="h1">{metadata.name}</Title>
        <PhaseLabel phase={status.phase} />
      </div>
      <DescriptionList isCompact isAutoFit autoFitMinModifier={{ default: "15rem" }}>
        <Fact term="Connection">
          <Connection host={host} />
        </Fact>
        <Fact term="Sync">
          <SyncFact sync={syncOf(host, objects)} applied={status.applied_revision} />
        </Fact>
        <Fact term="Underlay">
          <span className="mono">{spec.vteps.join(", ") || "no VTEP"}</span>
          <span className="muted"> MTU {spec.underlay_mtu} bytes</span>
        </Fact>
        <Fact term="Switch">
          <Switch host={host} />
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
      </DescriptionList>
    </>
  );
}

function Fact({ term, children }: { term: string; children: ReactNode }) {
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{term}</DescriptionListTerm>
      <DescriptionListDescription>{children}</DescriptionListDescription>
    </DescriptionListGroup>
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

function SyncFact({ sync, applied }: { sync: Sync; applied: number }) {
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
