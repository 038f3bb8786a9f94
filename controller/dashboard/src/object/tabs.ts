/** What the page of a kind has to show, in the order of its tabs. */

import type { ComponentType } from "react";
import type { ObjectRef, StoredObject } from "../api/objects";
import type { KindInfo } from "../kinds/kinds";
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
}

export function tabsOf(_info: KindInfo): ObjectTab[] {
  return [
    { key: "overview", title: "Overview", Body: Overview },
    { key: "realization", title: "Realization", Body: RealizationTab },
  ];
}
