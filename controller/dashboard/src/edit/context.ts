/** What the inputs of a form need to know of the whole draft. */

import { createContext } from "react";
import { DEFAULT_PROJECT, infoOf, type Kind } from "../kinds/kinds";
import { emptyDraft, type Draft } from "./drafts";

export const DraftContext = createContext<Draft>(emptyDraft("Segment"));

/** How a draft writes the name of another object: within its own project, or with the project. */
export function referring(draft: Draft, kind: Kind) {
  const isOfProjects = infoOf(kind).ofProjects;
  const isQualified = isOfProjects && !infoOf(draft.kind).ofProjects;
  const { host } = draft.spec;
  return {
    project: isOfProjects && !isQualified ? draft.project : undefined,
    host: infoOf(kind).onHosts && typeof host === "string" ? host : undefined,
    written: ({ name, project }: { name: string; project?: string | null }) =>
      isQualified && project && project !== DEFAULT_PROJECT ? `${project}/${name}` : name,
  };
}
