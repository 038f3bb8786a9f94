/** What the table of each kind shows. */

import { Label } from "@patternfly/react-core";
import type { Bridge, Host, Port, Segment, Tunnel } from "../api/documents";
import type { components } from "../api/schema";
import type { ServerColumn } from "../chrome/server-table";
import { ObjectLink } from "../kinds/object-link";
import type { Kind, KindInfo } from "../kinds/kinds";
import { ConnectionLabel } from "../status/connection";
import { PhaseLabel } from "../status/phase";
import { CHANGED, HEALTH, Mono, NAME, Named, NONE, REASON, Several, type Column } from "./common-columns";
import { HostSync } from "./host-sync";
import { PoolUse } from "./pool-use";

type Schemas = components["schemas"];

/** Items of a collection are documents of its kind. */
const of = <T,>(...columns: ServerColumn<T>[]) => columns as unknown as Column[];

const HOST = of<Host>(
  {
    title: "Health",
    cell: ({ status, spec }) => (
      <span className="labels">
        <PhaseLabel phase={status.phase} />
        {spec.state !== "active" && <Label isCompact>{spec.state}</Label>}
      </span>
    ),
  },
  { title: "Connection", cell: (host) => <ConnectionLabel host={host} /> },
  { title: "Sync", cell: (host) => <HostSync host={host} /> },
  {
    title: "VTEPs",
    className: "nowrap",
    cell: ({ spec }) => (
      <>
        <Several values={spec.vteps ?? []} />
        <div className="muted detail">{spec.overlay_bridge_type === "linux" ? "Linux bridges" : "Open vSwitch"}</div>
      </>
    ),
  },
  { title: "Zones", className: "nowrap", cell: ({ spec }) => <Several values={spec.zones ?? []} /> },
);

const SEGMENT = of<Segment>(
  { title: "VNI", cell: ({ spec }) => <Mono value={spec.vni} /> },
  { title: "Backend", cell: ({ spec }) => spec.backend },
  { title: "Topology", cell: ({ spec }) => spec.topology.replace("_", " and ") },
  { title: "MTU (bytes)", className: "number", cell: ({ spec }) => spec.mtu },
  { title: "Zone", cell: ({ spec }) => <Named kind="TransportZone" name={spec.zone} /> },
);

const PORT = of<Port>(
  {
    title: "Host",
    className: "nowrap",
    cell: ({ spec: { host, migrating_to } }) => (
      <>
        {host ? <ObjectLink kind="Host" name={host} /> : <span className="muted">not plugged</span>}
        {migrating_to && (
          <>
            {" moves to "}
            <ObjectLink kind="Host" name={migrating_to} />
          </>
        )}
      </>
    ),
  },
  {
    title: "Segment or bridge",
    cell: ({ spec, metadata }) =>
      spec.segment ? (
        <Named kind="Segment" name={spec.segment} project={metadata.project} />
      ) : (
        <Named kind="Bridge" name={spec.bridge} />
      ),
  },
  {
    title: "Interface",
    cell: ({ spec }) => (
      <>
        <Mono value={spec.interface || spec.iface_id} />
        <div className="muted detail">{spec.type}</div>
      </>
    ),
  },
  {
    title: "Addresses",
    cell: ({ spec: { mac, addresses } }) => <Several values={[...(mac ? [mac] : []), ...(addresses ?? [])]} />,
  },
);

const BRIDGE = of<Bridge>(
  {
    title: "Host or group",
    cell: ({ spec }) =>
      spec.host ? <Named kind="Host" name={spec.host} /> : <Named kind="HostGroup" name={spec.host_group} />,
  },
  { title: "Interface", cell: ({ spec }) => <Mono value={spec.interface} /> },
  { title: "Type", cell: ({ spec }) => (spec.type === "linux" ? "Linux bridge" : "Open vSwitch") },
  { title: "Datapath", cell: ({ spec }) => (spec.type === "linux" ? NONE : spec.datapath_type) },
);

const TUNNEL = of<Tunnel>(
  {
    title: "Ends",
    cell: ({ spec }) => (
      <span className="addresses">
        {spec.ends.map(({ host, ip }, index) => (
          <span key={index}>
            {host ? <ObjectLink kind="Host" name={host} /> : <span className="mono">{ip}</span>}
          </span>
        ))}
      </span>
    ),
  },
  { title: "Key", cell: ({ spec }) => <Mono value={spec.key} /> },
  { title: "UDP port", className: "number", cell: ({ spec }) => spec.dst_port },
);

const HOST_GROUP = of<Schemas["HostGroupDocument"]>({
  title: "Selector",
  cell: ({ spec }) => <code>{spec.selector}</code>,
});

const ZONE = of<Schemas["TransportZoneDocument"]>(
  { title: "VNI pool", cell: ({ spec }) => <Named kind="Pool" name={spec.vni_pool} /> },
  { title: "VTEP pool", cell: ({ spec }) => <Named kind="Pool" name={spec.vtep_pool} /> },
);

const POOL = of<Schemas["PoolDocument"]>(
  { title: "Of", cell: ({ spec }) => (spec.type === "vni" ? "VNIs" : "VTEP addresses") },
  { title: "Ranges", cell: ({ spec }) => <Several values={spec.ranges} /> },
  { title: "Used", cell: ({ metadata }) => <PoolUse name={metadata.name} /> },
);

const PROFILE = of<Schemas["TunnelProfileDocument"]>(
  { title: "UDP port", className: "number", cell: ({ spec }) => spec.dst_port ?? NONE },
  { title: "BFD", cell: ({ spec }) => (spec.bfd?.enabled ? "on" : "off") },
  { title: "TTL", className: "number", cell: ({ spec }) => spec.ttl ?? NONE },
);

const QOS = of<Schemas["QosPolicyDocument"]>(
  { title: "Type", cell: ({ spec }) => spec.type },
  {
    title: "Highest rate",
    className: "number",
    cell: ({ spec }) => (spec.max_rate_bps ? `${(spec.max_rate_bps / 1e6).toLocaleString()} Mbit/s` : NONE),
  },
  { title: "Queues", className: "number", cell: ({ spec }) => spec.queues?.length ?? 0 },
);

const MIRROR = of<Schemas["MirrorDocument"]>(
  { title: "Host", cell: ({ spec }) => <Named kind="Host" name={spec.host} /> },
  { title: "Bridge", cell: ({ spec }) => <Named kind="Bridge" name={spec.bridge} /> },
  {
    title: "To",
    cell: ({ spec: { output_port, output_vlan, tunnel }, metadata }) => {
      if (output_port) return <Named kind="Port" name={output_port} project={metadata.project} />;
      if (tunnel) return <Mono value={tunnel.remote_ip} />;
      return output_vlan === null || output_vlan === undefined ? NONE : `VLAN ${output_vlan}`;
    },
  },
);

const FLOW_EXPORT = of<Schemas["FlowExportDocument"]>(
  { title: "Protocol", cell: ({ spec }) => spec.protocol },
  { title: "Collectors", cell: ({ spec }) => <Several values={spec.targets} /> },
  {
    title: "Host group",
    cell: ({ spec }) =>
      spec.host_group ? <Named kind="HostGroup" name={spec.host_group} /> : <span className="muted">all hosts</span>,
  },
  { title: "One in", className: "number", cell: ({ spec }) => (spec.sampling ? `${spec.sampling} packets` : NONE) },
);

const COLUMNS: Record<Kind, Column[]> = {
  Host: [...HOST, REASON],
  Segment: [HEALTH, ...SEGMENT, REASON],
  Port: [HEALTH, ...PORT, REASON],
  Bridge: [HEALTH, ...BRIDGE, REASON],
  Tunnel: [HEALTH, ...TUNNEL, REASON],
  HostGroup: [...HOST_GROUP, CHANGED],
  TransportZone: [...ZONE, CHANGED],
  Pool: [...POOL, CHANGED],
  TunnelProfile: [...PROFILE, CHANGED],
  QosPolicy: [...QOS, CHANGED],
  Mirror: [HEALTH, ...MIRROR, REASON],
  FlowExport: [HEALTH, ...FLOW_EXPORT, REASON],
};

export const columnsOf = (info: KindInfo): Column[] => [NAME, ...COLUMNS[info.kind]];

/** Definitions are on no host by themselves, and always well. */
export const hasHealth = ({ kind }: KindInfo): boolean => kind === "Host" || COLUMNS[kind].includes(HEALTH);
