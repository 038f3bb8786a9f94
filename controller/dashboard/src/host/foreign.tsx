/** Bridges, ports and devices of the host that are not the fleet's. */

import { Card, CardBody, CardTitle, Label, StackItem } from "@patternfly/react-core";
import type { Inventory } from "../api/host-queries";
import type { components } from "../api/schema";
import { PagedTable, type Column } from "../chrome/paged-table";

type Schemas = components["schemas"];
type Port = Schemas["ForeignPortDocument"];
type Interface = Schemas["ForeignInterfaceDocument"];
type Link = Schemas["ForeignLinkDocument"];

interface Row {
  bridge: Schemas["ForeignBridgeDocument"];
  port: Port | null;
}

const BRIDGE_COLUMNS: Column<Row>[] = [
  {
    title: "Bridge",
    cell: ({ bridge }) => (
      <>
        <span className="mono">{bridge.name}</span>{" "}
        {bridge.is_ours ? (
          <Label isCompact color="green">
            the fleet’s
          </Label>
        ) : (
          <span className="muted detail">{[bridge.datapath_type, bridge.fail_mode].filter(Boolean).join(", ")}</span>
        )}
      </>
    ),
  },
  { title: "Port", cell: ({ port }) => (port ? <span className="mono">{port.name}</span> : <span className="muted">no port</span>) },
  { title: "VLAN", cell: ({ port }) => port?.tag || <span className="muted">none</span>, className: "number" },
  {
    title: "Interfaces",
    cell: ({ port }) => (
      <ul className="plain-list">
        {port?.interfaces.map((each) => (
          <li key={each.name}>
            <span className="mono">{each.name}</span> <span className="muted">{about(each)}</span>
          </li>
        ))}
      </ul>
    ),
    className: "reason-cell",
  },
];

const about = ({ type, iface_id: id, bound, remote_ip: remote, attached_mac: mac, error }: Interface): string =>
  [type || "system", mac, id && `iface-id ${id}`, bound && "bound to a port of the fleet", remote && `to ${remote}`, error]
    .filter(Boolean)
    .join(", ");

const LINK_COLUMNS: Column<Link>[] = [
  { title: "Device", cell: ({ name }) => <span className="mono">{name}</span> },
  { title: "Kind", cell: ({ kind }) => kind || "card" },
  { title: "State", cell: ({ up }) => (up ? "up" : <span className="muted">down</span>) },
  { title: "MAC", cell: ({ mac }) => <span className="mono">{mac}</span> },
  { title: "MTU", cell: ({ mtu }) => mtu, className: "number" },
  { title: "Master", cell: ({ master }) => (master ? <span className="mono">{master}</span> : <span className="muted">none</span>) },
  {
    title: "Addresses",
    cell: ({ addresses }) => (
      <span className="mono addresses">
        {addresses.map((address) => (
          <span key={address}>{address}</span>
        ))}
      </span>
    ),
  },
];

export function Foreign({ inventory }: { inventory: Inventory }) {
  const rows = inventory.bridges.flatMap<Row>((bridge) =>
    bridge.ports.length > 0 ? bridge.ports.map((port) => ({ bridge, port })) : [{ bridge, port: null }],
  );
  const shownPorts = rows.filter(({ port }) => port).length;
  return (
    <>
      <Part title="Bridges and ports that are not the fleet’s" count={inventory.ports_total} untold={inventory.ports_total - shownPorts} what="ports">
        {rows.length > 0 && (
          <PagedTable
            label="Foreign bridges and ports"
            columns={BRIDGE_COLUMNS}
            items={rows}
            keyOf={({ bridge, port }) => `${bridge.name} ${port?.name ?? ""}`}
          />
        )}
      </Part>
      <Part title="Devices that neither the fleet nor Open vSwitch made" count={inventory.links_total} untold={inventory.links_total - inventory.links.length} what="devices">
        {inventory.links.length > 0 && (
          <PagedTable label="Foreign devices" columns={LINK_COLUMNS} items={inventory.links} keyOf={({ name }) => name} />
        )}
      </Part>
    </>
  );
}

interface PartProps {
  title: string;
  count: number;
  /** How many more there are than the host tells of. */
  untold: number;
  what: string;
  children: React.ReactNode;
}

function Part({ title, count, untold, what, children }: PartProps) {
  return (
    <StackItem>
      <Card component="section" aria-label={title}>
        <CardTitle component="h2">
          {title}
          <span className="count">{count}</span>
        </CardTitle>
        <CardBody>
          {children || <p className="muted">None.</p>}
          {untold > 0 && (
            <p className="muted">
              There are {untold} more {what} than a host tells of.
            </p>
          )}
        </CardBody>
      </Card>
    </StackItem>
  );
}
