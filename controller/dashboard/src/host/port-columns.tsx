/** A port as a row: what it is made of, where it is plugged, how fast it goes, how it is doing. */

import { Label } from "@patternfly/react-core";
import type { Port, Segment } from "../api/documents";
import type { ServerColumn } from "../chrome/server-table";
import { DEFAULT_PROJECT } from "../kinds/kinds";
import { ObjectLink } from "../kinds/object-link";
import { PhaseLabel } from "../status/phase";
import { Reason } from "../status/reason";
import type { Branch } from "./bridge-section";
import { ChartButton } from "./chart-button";
import type { Charting } from "./charting";
import { CurrentRate } from "./current-rate";
import { subjectOfPort } from "./subjects";

const BRIDGE_MTU = 1500;

export function portColumns(branch: Branch, segments: Segment[], charting: Charting): ServerColumn<Port>[] {
  return [
    { title: "Port", order: "name", cell: (port) => <Made port={port} /> },
    branch.kind === "explicit"
      ? { title: "VLAN", cell: (port) => vlanOf(port) }
      : { title: "Segment", cell: (port) => <OfSegment port={port} segments={segments} branch={branch} /> },
    { title: "MAC and addresses", cell: (port) => <Addresses port={port} /> },
    { title: "MTU", cell: (port) => mtuOf(port, branch, segments), className: "number" },
    { title: "Rate", cell: (port) => <Rate port={port} charting={charting} />, className: "rate-cell" },
    {
      title: "Status",
      cell: (port) => (
        <div className="status-cell">
          <PhaseLabel phase={port.status.phase} />
          {port.status.phase !== "Ready" && <Reason object={port} />}
        </div>
      ),
      className: "reason-cell",
    },
  ];
}

/** The port, and below it what it has on the machine. */
function Made({ port }: { port: Port }) {
  const { metadata, spec } = port;
  return (
    <div>
      <ObjectLink kind="Port" name={metadata.name} project={metadata.project} />{" "}
      <span className="muted detail">
        {metadata.project !== DEFAULT_PROJECT && `${metadata.project} · `}
        {spec.type}
      </span>{" "}
      {spec.admin_state === "down" && (
        <Label isCompact color="grey">
          down, as intended
        </Label>
      )}
      <ul className="interfaces detail">
        {interfacesOf(port).map(({ name, says }) => (
          <li key={name}>
            <span className="mono">{name}</span>
            {says && <span className="muted"> {says}</span>}
          </li>
        ))}
      </ul>
    </div>
  );
}

interface Interface {
  name: string;
  says: string;
}

function interfacesOf({ spec }: Port): Interface[] {
  const { interface: name, bond, patch, peer, iface_id: ifaceId, migrating_to: target } = spec;
  const moves = target ? `, moving to ${target}` : "";
  if (bond)
    return bond.members.map((member) => ({
      name: member,
      says: `member${member === bond.primary ? ", primary" : ""} · ${bond.mode ?? "active-backup"}, LACP ${bond.lacp ?? "off"}`,
    }));
  if (patch)
    return [
      { name, says: "" },
      { name: patch.interface, says: `the far end, on bridge ${patch.bridge}${patch.tag ? `, VLAN ${patch.tag}` : ""}` },
    ];
  if (peer)
    return [
      { name, says: moves.slice(2) },
      { name: peer.interface, says: `the far end, in ${peer.netns}` },
    ];
  if (spec.type === "bound") return [{ name: name || "plugged by the hypervisor", says: `iface-id ${ifaceId ?? ""}${moves}` }];
  return [{ name, says: moves.slice(2) }];
}

function vlanOf({ spec: { tag, trunks, vlan_mode: mode } }: Port) {
  const said = [
    tag !== null && String(tag),
    trunks.length > 0 && `trunk ${trunks.join(", ")}`,
    mode !== null && mode,
  ].filter(Boolean);
  return said.length > 0 ? said.join(" · ") : <span className="muted">trunk of all</span>;
}

const segmentOf = ({ metadata, spec }: Port, segments: Segment[]): Segment | undefined =>
  segments.find((each) => each.metadata.name === spec.segment && each.metadata.project === metadata.project);

interface OfSegmentProps {
  port: Port;
  segments: Segment[];
  branch: Branch;
}

function OfSegment({ port, segments, branch }: OfSegmentProps) {
  const segment = segmentOf(port, segments);
  return (
    <div>
      <ObjectLink kind="Segment" name={port.spec.segment ?? ""} project={port.metadata.project} />
      {segment && (
        <div className="muted detail">
          VNI {segment.spec.vni}
          {branch.kind === "linux-overlay" && (
            <>
              {" on "}
              <span className="mono">br-v{segment.spec.vni}</span>
            </>
          )}
        </div>
      )}
    </div>
  );
}

function Addresses({ port: { spec } }: { port: Port }) {
  if (!spec.mac && spec.addresses.length === 0) return <span className="muted">any</span>;
  return (
    <span className="mono addresses">
      {spec.mac && <span>{spec.mac}</span>}
      {spec.addresses.map((address) => (
        <span key={address}>{address}</span>
      ))}
    </span>
  );
}

function mtuOf(port: Port, branch: Branch, segments: Segment[]): number | string {
  if (port.spec.mtu !== null) return port.spec.mtu;
  if (branch.kind !== "explicit") return segmentOf(port, segments)?.spec.mtu ?? "auto";
  return ["system", "bond"].includes(port.spec.type) ? "its own" : BRIDGE_MTU;
}

function Rate({ port, charting }: { port: Port; charting: Charting }) {
  const subject = subjectOfPort(port);
  return (
    <>
      <CurrentRate rate={charting.rates?.get(subject)} />
      <div className="detail">
        <ChartButton label="Chart" of={port.metadata.name} subject={subject} charting={charting} />
      </div>
    </>
  );
}
