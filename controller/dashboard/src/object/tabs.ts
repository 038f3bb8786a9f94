/** What the page of a kind has to show, in the order of its tabs. */

import type { ComponentType } from "react";
import type { ObjectRef, StoredObject } from "../api/objects";
import type { Kind, KindInfo } from "../kinds/kinds";
import { part } from "../parts";
import { DriftTab } from "./drift-tab";
import { EventsTab } from "./events-tab";
import { Overview } from "./overview";
import { PortsTab } from "./ports-tab";
import { RealizationTab } from "./realization-tab";
import { TunnelsTab } from "./tunnels-tab";
import { UsageTab } from "./usage-tab";

export interface TabProps {
  info: KindInfo;
  objectRef: ObjectRef;
  object: StoredObject;
}

export interface ObjectTab {
  /** In the address. */
  key: string;
  title: string;
  Body: ComponentType<TabProps>;
  /** The kinds that have it; all when it is left out. */
  only?: Kind[];
}

// Their editor and their charts are large, and most visits do without.
const ChartsTab = part(async () => ({ default: (await import("./charts-tab")).ChartsTab }));
const HistoryTab = part(async () => ({ default: (await import("./history-tab")).HistoryTab }));
const YamlTab = part(async () => ({ default: (await import("./yaml-tab")).YamlTab }));

const TABS: ObjectTab[] = [
  { key: "overview", title: "Overview", Body: Overview },
  { key: "ports", title: "Ports", Body: PortsTab, only: ["Segment", "Bridge"] },
  { key: "tunnels", title: "Tunnels", Body: TunnelsTab, only: ["Segment"] },
  { key: "charts", title: "Charts", Body: ChartsTab, only: ["Segment", "Port", "Tunnel"] },
  { key: "usage", title: "Usage", Body: UsageTab, only: ["Pool"] },
  { key: "realization", title: "Realization", Body: RealizationTab },
  { key: "history", title: "History", Body: HistoryTab },
  { key: "events", title: "Events", Body: EventsTab },
  {
    key: "drift",
    title: "Drift",
    Body: DriftTab,
    only: ["Segment", "Port", "Bridge", "Tunnel", "Mirror", "FlowExport"],
  },
  { key: "yaml", title: "YAML", Body: YamlTab },
];

export const tabsOf = (info: KindInfo): ObjectTab[] =>
  TABS.filter(({ only }) => !only || only.includes(info.kind));
