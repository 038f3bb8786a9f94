/** What of the fleet is looked at; the address holds it. */

import { useMemo } from "react";
import { useUrlState, type UrlState } from "../chrome/url-state";
import { DEFAULT_PROJECT } from "../kinds/kinds";
import type { Choice } from "./canvas";
import type { Asked } from "./queries";

export interface View {
  /** The picture as a whole. */
  whole: Asked;
  /** The segment whose mesh stands out. */
  segment: { name: string; project: string } | null;
  /** Only the hosts of this segment are shown. */
  isAlone: boolean;
  choice: Choice | null;
  put: UrlState["put"];
}

export function useView(): View {
  const { get, put } = useUrlState();
  const [group_by, within, label_selector] = [get("group_by") || "auto", get("within"), get("label_selector")];
  const [name, project] = [get("segment"), get("project") || DEFAULT_PROJECT];
  const isAlone = get("alone") !== "" && name !== "";
  const [at, to] = [get("at"), get("to")];
  return useMemo(() => {
    const segment = name ? { name, project } : null;
    const only = segment && isAlone ? { segment: name, project } : {};
    return {
      whole: { group_by, within, label_selector, ...only },
      segment,
      isAlone,
      choice: at ? { at, to: to || null } : null,
      put,
    };
  }, [group_by, within, label_selector, name, project, isAlone, at, to, put]);
}

/** As the address holds it; null chooses nothing. */
export const choosing = (choice: Choice | null) => ({ at: choice?.at, to: choice?.to });

/** Out of a group, to those that it is one of: its id begins with what they are by. */
export const leaving = (within: string) => ({
  group_by: within.startsWith("label:") ? within.split("=", 1)[0] : within.split(":", 1)[0],
  within: null,
  ...choosing(null),
});

/** Into a group: its hosts take the place of the groups. */
export const opening = (id: string) => ({ group_by: "host", within: id, at: null, to: null });
