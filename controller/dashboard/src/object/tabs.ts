/** What the page of a kind has to show, in the order of its tabs. */

import type { ComponentType } from "react";
import type { ObjectRef, StoredObject } from "../api/objects";
import type { Kind, KindInfo } from "../kinds/kinds";
import { Overview } from "./overview";
import { RealizationTab } from "./realization-tab";

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

const TABS: ObjectTab[] = [
  { key: "overview", title: "Overview", Body: Overview },
  { key: "realization", title: "Realization", Body: RealizationTab },
];

export const tabsOf = (info: KindInfo): ObjectTab[] =>
  TABS.filter(({ only }) => !only || only.includes(info.kind));
