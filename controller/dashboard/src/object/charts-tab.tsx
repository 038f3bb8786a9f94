/** What flows through the object, beside others of its kind. */

import { useMemo } from "react";
import type { ListQuery } from "../api/objects";
import { infoOf, type Kind } from "../kinds/kinds";
import type { Pool } from "../rates/add-series";
import { RatesCard } from "../rates/rates-card";
import { useSelection } from "../rates/selection";
import { sourcesOf, wordOf } from "../rates/sources";
import type { TabProps } from "./tabs";

export function ChartsTab({ info, objectRef, object }: TabProps) {
  const [selection, select] = useSelection();
  const { kind } = info;
  const { name, project } = object.metadata;
  const pools = useMemo(() => poolsOf(kind, name, project), [kind, name, project]);
  const sources = sourcesOf(objectRef, selection.series, NO_LABELS);
  return <RatesCard sources={sources} selection={selection} select={select} pools={pools} />;
}

const NO_LABELS = new Map<string, string>();

/** What is worth a comparison: the ports of a segment, and others of the same kind. */
function poolsOf(kind: Kind, name: string, project: string): Pool[] {
  const others = { ...poolOf(kind, {}, project), besides: name };
  if (kind !== "Segment") return [others];
  return [poolOf("Port", { filter: `spec.segment = ${JSON.stringify(name)}` }, project), others];
}

const poolOf = (kind: Kind, narrowed: ListQuery, project: string): Pool => ({
  kind,
  narrowed: { ...narrowed, ...(infoOf(kind).ofProjects && { project }) },
  wordOf: (metadata) => wordOf({ kind, ...metadata }),
});
