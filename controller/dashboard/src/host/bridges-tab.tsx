/** The host's bridges with the ports on them, as they are on the machine: bridge, port, interface. */

import { Button, Card, CardBody, CardHeader, Checkbox } from "@patternfly/react-core";
import { SearchInput, Stack, StackItem } from "@patternfly/react-core";
import { useState } from "react";
import { blockingCondition, type Bridge, type Failure, type Host } from "../api/documents";
import { useFailures } from "../api/host-queries";
import { usePage } from "../api/objects";
import type { components } from "../api/schema";
import { LinkButton } from "../chrome/link-button";
import { QueryState } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
import { useMayWrite } from "../session/whoami";
import { BridgeSection, type Branch } from "./bridge-section";
import { useCharting, type Charting } from "./charting";
import { ChosenRates } from "./host-rates";
import type { HostTabProps } from "./tabs";

export type Mirror = components["schemas"]["MirrorDocument"];

const BRIDGES = 10;
const MIRRORS = 100;

export function BridgesTab({ host }: HostTabProps) {
  const { name } = host.metadata;
  const charting = useCharting(name);
  return (
    <Stack hasGutter>
      <ChosenRates host={name} />
      <StackItem>
        <Card component="section" aria-label="Bridges and ports">
          <CardHeader>
            <Controls host={name} />
          </CardHeader>
          <CardBody>
            <Branches host={host} charting={charting} />
          </CardBody>
        </Card>
      </StackItem>
    </Stack>
  );
}

function Controls({ host }: { host: string }) {
  const { get, put } = useUrlState();
  const [typed, setTyped] = useState(get("q"));
  const mayWrite = useMayWrite("Port");
  // Other rows are found: a page of the former ones says nothing.
  const filter = (changes: Record<string, string | null>) => {
    const pages = [...new URLSearchParams(location.search).keys()].filter((key) => key.endsWith("page"));
    put({ ...Object.fromEntries(pages.map((key) => [key, null])), ...changes });
  };
  return (
    <div className="host-controls">
      <SearchInput
        aria-label="Filter ports"
        placeholder="Name, interface or MAC of a port"
        value={typed}
        onChange={(_, value) => setTyped(value)}
        onSearch={() => filter({ q: typed })}
        onClear={() => {
          setTyped("");
          filter({ q: null });
        }}
      />
      <Checkbox
        id="only-trouble"
        label="Only what is not Ready"
        isChecked={get("only") === "trouble"}
        onChange={(_, checked) => filter({ only: checked ? "trouble" : null })}
      />
      {mayWrite && (
        <LinkButton variant="secondary" href={`/ports/new?host=${encodeURIComponent(host)}`}>
          Add a port
        </LinkButton>
      )}
    </div>
  );
}

function Branches({ host, charting }: { host: Host; charting: Charting }) {
  const { name } = host.metadata;
  const { get, put } = useUrlState();
  const bridges = usePage<Bridge>("bridges", { host: name, page_size: BRIDGES, page_token: get("bridgepage") });
  const mirrors = usePage<Mirror>("mirrors", { host: name, page_size: MIRRORS }).data?.items ?? [];
  const failures = useFailures(name).data ?? [];
  const isFirst = !get("bridgepage");
  const of = (bridge: string | null) => mirrors.filter(({ spec }) => spec.bridge === bridge);
  return (
    <QueryState title="Bridges" query={bridges}>
      {({ items, next_page_token: next }) => (
        <>
          {isFirst && (
            <BridgeSection host={name} branch={overlayOf(host, failures)} mirrors={of(null)} charting={charting} />
          )}
          {items.map((bridge) => (
            <BridgeSection
              key={bridge.metadata.uid}
              host={name}
              branch={branchOf(bridge)}
              mirrors={of(bridge.metadata.name)}
              charting={charting}
            />
          ))}
          {(!isFirst || next) && (
            <div className="table-pages">
              <Button variant="secondary" isDisabled={isFirst} onClick={() => put({ bridgepage: null }, true)}>
                First bridges
              </Button>{" "}
              <Button variant="secondary" isDisabled={!next} onClick={() => put({ bridgepage: next }, true)}>
                More bridges
              </Button>
            </div>
          )}
        </>
      )}
    </QueryState>
  );
}

function overlayOf({ spec }: Host, failures: Failure[]): Branch {
  const isLinux = spec.overlay_bridge_type === "linux";
  const failure = failures.find(({ resource }) => resource === "overlay");
  return {
    key: "overlay",
    device: isLinux ? "br-v<VNI>" : spec.overlay_bridge,
    kind: isLinux ? "linux-overlay" : "overlay",
    name: null,
    says: isLinux ? "a Linux bridge for each segment" : `overlay bridge, Open vSwitch, ${spec.datapath_type} datapath`,
    phase: failure ? "Failed" : null,
    reason: failure?.reason ?? "",
    message: failure?.message ?? "",
    filter: "spec.bridge = null",
  };
}

function branchOf(bridge: Bridge): Branch {
  const { metadata, spec, status } = bridge;
  const condition = blockingCondition(bridge);
  return {
    key: metadata.name,
    device: spec.interface,
    kind: "explicit",
    name: metadata.name,
    says: spec.type === "linux" ? "bridge, Linux" : `bridge, Open vSwitch, ${spec.datapath_type} datapath`,
    phase: status.phase,
    reason: condition?.reason ?? "",
    message: condition?.message ?? "",
    filter: `spec.bridge = ${JSON.stringify(metadata.name)}`,
  };
}
