/** Sorts a host's ports under the bridges that carry them. Pure. */

import type { Bridge, Failure, Host, Phase, Port, Segment } from "../api/documents";

export interface Branch {
  key: string;
  /** Name of the bridge on the host. */
  device: string;
  kind: "overlay" | "explicit" | "linux";
  /** Null where nothing but failures tells how it is doing. */
  phase: Phase | null;
  reason: string;
  message: string;
  segments: Segment[];
  ports: Port[];
}

export interface Grown {
  host: Host;
  ports: Port[];
  bridges: Bridge[];
  segments: Segment[];
  failures: Failure[];
}

export function branchesOf(grown: Grown): Branch[] {
  const onSegments = grown.ports.filter(({ spec }) => spec.segment);
  const overlay =
    grown.host.spec.overlay_bridge_type === "linux"
      ? linuxBranches(grown, onSegments)
      : overlayBranch(grown, onSegments);
  return [...overlay, ...grown.bridges.map((bridge) => explicitBranch(grown, bridge))];
}

export const segmentKey = (project: string, name: string | null | undefined): string =>
  `${project}/${name}`;

const segmentKeyOf = (port: Port): string => segmentKey(port.metadata.project, port.spec.segment);

function segmentsOf(grown: Grown, ports: Port[]): Segment[] {
  const wanted = new Set(ports.map(segmentKeyOf));
  return grown.segments.filter(({ metadata }) => wanted.has(segmentKey(metadata.project, metadata.name)));
}

function overlayBranch(grown: Grown, ports: Port[]): Branch[] {
  if (ports.length === 0) return [];
  const sorted = [...ports].sort(
    (a, b) =>
      segmentKeyOf(a).localeCompare(segmentKeyOf(b)) || a.metadata.name.localeCompare(b.metadata.name),
  );
  return [
    {
      key: "overlay",
      device: grown.host.spec.overlay_bridge,
      kind: "overlay",
      ...troubleOf(grown.failures, "overlay"),
      segments: segmentsOf(grown, ports),
      ports: sorted,
    },
  ];
}

/** Without Open vSwitch each segment has a bridge of its own. */
function linuxBranches(grown: Grown, ports: Port[]): Branch[] {
  return segmentsOf(grown, ports).map((segment) => {
    const { uid, project, name } = segment.metadata;
    return {
      key: uid,
      device: `br-v${segment.spec.vni}`,
      kind: "linux",
      ...troubleOf(grown.failures, `segment:${uid}`),
      segments: [segment],
      ports: ports.filter((port) => segmentKeyOf(port) === segmentKey(project, name)),
    };
  });
}

function explicitBranch(grown: Grown, bridge: Bridge): Branch {
  const condition = bridge.status.conditions.find(({ status }) => status !== "True");
  return {
    key: bridge.metadata.uid,
    device: bridge.spec.interface,
    kind: "explicit",
    phase: bridge.status.phase,
    reason: condition?.reason ?? "",
    message: condition?.message ?? "",
    segments: [],
    ports: grown.ports.filter(({ spec }) => spec.bridge === bridge.metadata.name),
  };
}

function troubleOf(
  failures: Failure[],
  resource: string,
): Pick<Branch, "phase" | "reason" | "message"> {
  const failure = failures.find((each) => each.resource === resource);
  if (!failure) return { phase: null, reason: "", message: "" };
  return { phase: "Failed", reason: failure.reason, message: failure.message };
}
