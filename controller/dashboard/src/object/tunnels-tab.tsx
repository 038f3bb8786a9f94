/** The effective tunnels of a segment: each from both of its sides. */

import { Card, CardBody, CardHeader, SearchInput } from "@patternfly/react-core";
import { useState } from "react";
import type { EffectiveTunnel } from "../api/documents";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { ObjectLink } from "../kinds/object-link";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import { useSegmentTunnels } from "./parts";
import type { TabProps } from "./tabs";

const COLUMNS: ServerColumn<EffectiveTunnel>[] = [
  {
    title: "From",
    cell: ({ host, local_ip }) => (
      <>
        <ObjectLink kind="Host" name={host} />
        <div className="muted detail mono">{local_ip}</div>
      </>
    ),
  },
  {
    title: "To",
    cell: ({ remote_host, remote_ip }) => (
      <>
        {remote_host ? <ObjectLink kind="Host" name={remote_host} /> : "outside VTEP"}
        <div className="muted detail mono">{remote_ip}</div>
      </>
    ),
  },
  { title: "VNI", cell: ({ vni }) => vni, className: "number" },
  { title: "UDP port", cell: ({ dst_port }) => dst_port, className: "number" },
  { title: "Backend", className: "nowrap", cell: ({ backend }) => (backend === "ovs" ? "Open vSwitch" : "kernel") },
  { title: "Phase", cell: ({ phase }) => <PhaseLabel phase={phase} /> },
  {
    title: "Reason",
    className: "reason-cell",
    cell: ({ phase, reason, message }) =>
      phase !== "Ready" && (
        <>
          <span className="reason">{reason}</span> <Message text={message} />
        </>
      ),
  },
];

export function TunnelsTab({ objectRef }: TabProps) {
  const { get, put } = useUrlState();
  const [host, setHost] = useState(get("from"));
  const query = useSegmentTunnels(objectRef, get("from"), get("page"));
  return (
    <Card component="section" aria-label="Tunnels">
      <CardHeader>
        <SearchInput
          className="object-search"
          aria-label="Only from this host"
          placeholder="Only from this host"
          value={host}
          onChange={(_, value) => setHost(value)}
          onSearch={(_, value) => put({ from: value, page: null })}
          onClear={() => {
            setHost("");
            put({ from: null, page: null });
          }}
        />
      </CardHeader>
      <CardBody>
        <ServerTable
          label="Tunnels"
          query={query}
          columns={COLUMNS}
          keyOf={({ host: side, id, local_ip, remote_ip }) => [side, id, local_ip, remote_ip].join(" ")}
          empty={<p className="muted">No tunnels: they come with ports on two hosts or more.</p>}
        />
      </CardBody>
    </Card>
  );
}
