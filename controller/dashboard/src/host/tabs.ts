/** What the page of a host has to show, in the order of its tabs. */

import type { ComponentType } from "react";
import type { Host } from "../api/documents";
import type { TabProps } from "../object/tabs";
import { part } from "../parts";

export interface HostTabProps extends TabProps {
  host: Host;
}

export interface HostTab {
  /** In the address. */
  key: string;
  title: string;
  Body: ComponentType<HostTabProps>;
}

// Each is a file of its own: most visits need one or two of them.
export const HOST_TABS: HostTab[] = [
  {
    key: "overview",
    title: "Overview",
    Body: part(async () => ({ default: (await import("./overview-tab")).OverviewTab })),
  },
  {
    key: "bridges",
    title: "Bridges and ports",
    Body: part(async () => ({ default: (await import("./bridges-tab")).BridgesTab })),
  },
  {
    key: "tunnels",
    title: "Tunnels",
    Body: part(async () => ({ default: (await import("./tunnels-tab")).TunnelsTab })),
  },
  {
    key: "inventory",
    title: "Inventory",
    Body: part(async () => ({ default: (await import("./inventory-tab")).InventoryTab })),
  },
  {
    key: "observed",
    title: "Desired and observed",
    Body: part(async () => ({ default: (await import("./observed-tab")).ObservedTab })),
  },
  {
    key: "drift",
    title: "Drift",
    Body: part(async () => ({ default: (await import("./drift-tab")).DriftTab })),
  },
  {
    key: "events",
    title: "Events",
    Body: part(async () => ({ default: (await import("./events-tab")).EventsTab })),
  },
  {
    key: "history",
    title: "History",
    Body: part(async () => ({ default: (await import("../object/history-tab")).HistoryTab })),
  },
  {
    key: "yaml",
    title: "YAML",
    Body: part(async () => ({ default: (await import("../object/yaml-tab")).YamlTab })),
  },
];
