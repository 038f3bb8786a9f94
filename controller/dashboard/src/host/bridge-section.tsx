/** One bridge: how it is doing, who mirrors it, and a page of its ports. */

import { Label, Title } from "@patternfly/react-core";
import type { Phase, Port, Segment } from "../api/documents";
import { usePage } from "../api/objects";
import { ServerTable } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { ObjectLink } from "../kinds/object-link";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import type { Mirror } from "./bridges-tab";
import type { Charting } from "./charting";
import { portColumns } from "./port-columns";
import { subjectOfPort } from "./subjects";

export interface Branch {
  /** In the address, of its page and order. */
  key: string;
  /** As it is called on the host. */
  device: string;
  kind: "overlay" | "linux-overlay" | "explicit";
  /** Of the Bridge; null for what the host has for its segments. */
  name: string | null;
  says: string;
  /** Null where nothing but failures tells how it is doing. */
  phase: Phase | null;
  reason: string;
  message: string;
  /** Which ports are on it, in the API's language. */
  filter: string;
}

interface Props {
  host: string;
  branch: Branch;
  mirrors: Mirror[];
  charting: Charting;
}

const ROWS = 25;

export function BridgeSection({ host, branch, mirrors, charting }: Props) {
  const { get } = useUrlState();
  const prefix = `${branch.key}-`;
  const query = usePage<Port>("ports", {
    host,
    filter: [branch.filter, ...wanted(get("q"), get("only"))].join(" AND "),
    order_by: get(`${prefix}order`),
    page_token: get(`${prefix}page`),
    page_size: ROWS,
  });
  const segments = useSegmentsOf(query.data?.items ?? []);
  const isFiltered = Boolean(get("q") || get("only"));
  return (
    <section className="branch" aria-label={`Bridge ${branch.device}`}>
      <Heading branch={branch} />
      {mirrors.length > 0 && <Mirrors mirrors={mirrors} />}
      <div className="branch-ports">
        <ServerTable
          label={`Ports of ${branch.device}`}
          query={query}
          columns={portColumns(branch, segments, charting)}
          keyOf={({ metadata }) => metadata.uid}
          prefix={prefix}
          rowClass={(port) => rowClass(port, charting)}
          empty={<p className="muted">{isFiltered ? "No port here matches." : "No ports yet on this bridge."}</p>}
        />
      </div>
    </section>
  );
}

/** Pieces of a filter: words that a port's name, interface or MAC has; only what is in trouble. */
function wanted(words: string, only: string): string[] {
  const pattern = JSON.stringify(`*${words.trim()}*`);
  const fields = ["metadata.name", "spec.interface", "spec.mac"];
  return [
    ...(words.trim() ? [`(${fields.map((field) => `${field} : ${pattern}`).join(" OR ")})`] : []),
    ...(only ? ['status.phase != "Ready"'] : []),
  ];
}

const rowClass = (port: Port, { isChosen }: Charting): string | undefined => {
  if (isChosen(subjectOfPort(port))) return "row-chosen";
  return port.status.phase === "Failed" ? "row-failed" : undefined;
};

/** Those of one page of ports, and not of the fleet. */
function useSegmentsOf(ports: Port[]): Segment[] {
  const names = [...new Set(ports.flatMap(({ spec }) => spec.segment ?? []))].sort();
  const filter = names.map((name) => `metadata.name = ${JSON.stringify(name)}`).join(" OR ");
  return usePage<Segment>("segments", { filter, page_size: 500 }, names.length > 0).data?.items ?? [];
}

function Heading({ branch: { device, name, says, phase, reason, message } }: { branch: Branch }) {
  return (
    <div className="branch-heading">
      <Title headingLevel="h3" size="md">
        <span className="mono">{device}</span>
      </Title>
      {name !== null && name !== device && <ObjectLink kind="Bridge" name={name} />}
      <span className="muted">
        {says}
        {name === device && (
          <>
            {" · "}
            <ObjectLink kind="Bridge" name={name} />
          </>
        )}
      </span>
      {phase && <PhaseLabel phase={phase} />}
      {reason && (
        <span>
          <span className="reason">{reason}</span> <Message text={message} />
        </span>
      )}
    </div>
  );
}

function Mirrors({ mirrors }: { mirrors: Mirror[] }) {
  return (
    <ul className="plain-list branch-mirrors" aria-label="Mirrors">
      {mirrors.map((mirror) => (
        <li key={mirror.metadata.uid}>
          <Label isCompact variant="outline">
            mirror
          </Label>{" "}
          <ObjectLink kind="Mirror" name={mirror.metadata.name} /> <span className="muted">{copies(mirror)}</span>{" "}
          <PhaseLabel phase={mirror.status.phase} />
        </li>
      ))}
    </ul>
  );
}

function copies({ spec }: Mirror): string {
  const from = [
    spec.select_all && "everything",
    spec.select_src_ports.length > 0 && `what enters by ${spec.select_src_ports.join(", ")}`,
    spec.select_dst_ports.length > 0 && `what leaves by ${spec.select_dst_ports.join(", ")}`,
    spec.select_segments.length > 0 && `segments ${spec.select_segments.join(", ")}`,
    spec.select_vlans.length > 0 && `VLANs ${spec.select_vlans.join(", ")}`,
  ].filter(Boolean);
  const to = spec.tunnel
    ? `${spec.tunnel.type.toUpperCase()} to ${spec.tunnel.remote_ip}`
    : spec.output_port
      ? `port ${spec.output_port}`
      : `VLAN ${spec.output_vlan}`;
  return `copies ${from.join(", ")} to ${to}`;
}
