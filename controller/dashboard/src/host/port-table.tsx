import type { Port } from "../api/documents";
import { type Column, PagedTable } from "../chrome/paged-table";
import { PhaseLabel } from "../status/phase";
import { Reason } from "../status/reason";
import type { Branch } from "./bridge-tree";
import { ChartButton } from "./chart-button";
import type { Charting } from "./charting";
import { CurrentRate } from "./current-rate";
import { subjectOfPort } from "./subjects";

const BRIDGE_MTU = 1500;

export function PortTable({ branch, charting }: { branch: Branch; charting: Charting }) {
  const columns: Column<Port>[] = [
    { title: "Port", cell: (port) => <Name port={port} charting={charting} /> },
    branch.kind === "explicit"
      ? { title: "VLAN", cell: ({ spec }) => spec.tag ?? <span className="muted">untagged</span> }
      : { title: "Segment", cell: ({ spec }) => spec.segment },
    { title: "MAC and addresses", cell: (port) => <Addresses port={port} /> },
    { title: "MTU", cell: (port) => mtuOf(port, branch), className: "number" },
    {
      title: "Rate",
      cell: (port) => <CurrentRate rate={charting.rates?.get(subjectOfPort(port))} />,
      className: "rate-cell",
    },
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
  return (
    <PagedTable
      label={`Ports of ${branch.device}`}
      columns={columns}
      items={branch.ports}
      keyOf={({ metadata }) => metadata.uid}
      isChosen={(port) => subjectOfPort(port) === charting.chosen}
    />
  );
}

function Name({ port, charting }: { port: Port; charting: Charting }) {
  const { metadata, spec } = port;
  const where = spec.peer ? `${spec.peer.interface} in ${spec.peer.netns}` : "";
  return (
    <div>
      <ChartButton label={metadata.name} subject={subjectOfPort(port)} charting={charting} />
      <div className="muted detail">
        {metadata.project !== "default" && `${metadata.project} · `}
        {spec.type} <span className="mono">{spec.interface}</span>
        {where && ` · ${where}`}
      </div>
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

function mtuOf({ metadata, spec }: Port, branch: Branch): number | string {
  if (spec.mtu !== null) return spec.mtu;
  if (branch.kind === "explicit") return BRIDGE_MTU;
  const segment = branch.segments.find(
    (each) => each.metadata.name === spec.segment && each.metadata.project === metadata.project,
  );
  return segment?.spec.mtu ?? "auto";
}
