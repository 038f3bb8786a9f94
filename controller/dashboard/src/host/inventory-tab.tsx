/** What the host can do, what is on it and not the fleet's, and what of that may be taken over. */

import { Button, Card, CardBody, CardTitle, DescriptionList, Stack, StackItem } from "@patternfly/react-core";
import { useState } from "react";
import type { Failure } from "../api/documents";
import { useFailures, useInventory, type Inventory } from "../api/host-queries";
import { Moment } from "../chrome/moment";
import { PagedTable, type Column } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";
import { Fact } from "../object/facts";
import { useMay } from "../session/whoami";
import { Message } from "../status/message";
import { AdoptDialog } from "./adopt-dialog";
import { Affected } from "./affected";
import { Foreign } from "./foreign";
import { adoptable } from "./held";
import type { Notice } from "./operations";
import { Done } from "./standing";
import type { HostTabProps } from "./tabs";

export function InventoryTab({ host }: HostTabProps) {
  const { name } = host.metadata;
  const query = useInventory(name);
  return (
    <Stack hasGutter>
      <Colliding host={name} />
      <StackItem>
        <QueryState title="Inventories" query={query} height="24rem">
          {(inventory) =>
            inventory.received_at === null ? (
              <Card component="section" aria-label="Inventory">
                <CardBody>The host has told nothing of this yet: it does when its agent connects.</CardBody>
              </Card>
            ) : (
              <Stack hasGutter>
                <StackItem>
                  <Abilities inventory={inventory} at={inventory.received_at} />
                </StackItem>
                <Foreign inventory={inventory} />
              </Stack>
            )
          }
        </QueryState>
      </StackItem>
    </Stack>
  );
}

/** What of intent meets something foreign under its name. */
function Colliding({ host }: { host: string }) {
  const failures = adoptable(useFailures(host).data ?? []);
  const mayOperate = useMay("operate");
  const [chosen, setChosen] = useState<Failure | null>(null);
  const [notice, tell] = useState<Notice | null>(null);
  if (failures.length === 0 && !notice) return null;
  const columns: Column<Failure>[] = [
    { title: "Intended", cell: (failure) => <Affected {...failure} /> },
    { title: "Reason", cell: ({ reason }) => <span className="reason">{reason}</span> },
    { title: "In its way", cell: ({ message }) => <Message text={message} />, className: "reason-cell" },
    {
      title: "",
      cell: (failure) => (
        <Button variant="secondary" size="sm" isDisabled={!mayOperate} onClick={() => setChosen(failure)}>
          Adopt …
        </Button>
      ),
    },
  ];
  return (
    <StackItem>
      <Card component="section" aria-labelledby="colliding-title">
        <CardTitle component="h2" id="colliding-title">
          In the way of intent
          <span className="count">{failures.length}</span>
        </CardTitle>
        <CardBody>
          {notice && <Done notice={notice} close={() => tell(null)} />}
          <p className="muted">
            Something that is not the fleet’s has the name. Adopt it, rename one of the two, or remove it on the host.
            {!mayOperate && " The roles of this token do not allow to adopt."}
          </p>
          {failures.length > 0 && (
            <PagedTable label="In the way of intent" columns={columns} items={failures} keyOf={({ resource }) => resource} />
          )}
        </CardBody>
      </Card>
      {chosen && (
        <AdoptDialog
          host={host}
          failure={chosen}
          close={() => setChosen(null)}
          done={(told) => {
            setChosen(null);
            tell(told);
          }}
        />
      )}
    </StackItem>
  );
}

function Abilities({ inventory: { capabilities: can, agent_version: agent }, at }: { inventory: Inventory; at: string }) {
  const facts: [string, string][] = [
    ["Agent", agent],
    ["Open vSwitch", can.ovs_version || "none, or it does not run"],
    ["Database schema", can.ovsdb_schema],
    ["Kernel", can.kernel_release],
    ["Addresses", [can.ipv4 && "IPv4", can.ipv6 && "IPv6"].filter(Boolean).join(", ")],
    ["Datapaths", can.datapath_types.join(", ")],
    ["Hardware offload", can.hw_offload ? `asked for${can.tc_policy ? `, ${can.tc_policy}` : ""}` : "off"],
    ["DPDK", can.dpdk ? "yes" : "no"],
    ["Kernel features", can.kernel_features.join(", ")],
    ["Columns that its database lacks", can.missing_columns.join(", ") || "none"],
    ["Interface types", can.iface_types.join(", ")],
    ["The agent understands", can.state_features.join(", ")],
    ["The agent can be asked", can.session_features.join(", ")],
  ];
  return (
    <Card component="section" aria-labelledby="abilities-title">
      <CardTitle component="h2" id="abilities-title">
        What the host has and can do
      </CardTitle>
      <CardBody>
        <p className="muted told">
          As its agent told <Moment at={at} />.
        </p>
        <DescriptionList isCompact isAutoFit autoFitMinModifier={{ default: "15rem" }}>
          {facts.map(([term, value]) => (
            <Fact key={term} term={term}>
              {value ? <span className="fact-text">{value}</span> : <span className="muted">none told</span>}
            </Fact>
          ))}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}
