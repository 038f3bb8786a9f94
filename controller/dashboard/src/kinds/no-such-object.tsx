/** What stands in the place of an object that is not there, or not within this token's reach: the
 * API does not tell the two apart, so that nobody learns of what is not theirs. */

import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { useWhoAmI } from "../session/whoami";
import type { KindInfo } from "./kinds";

interface Props {
  info: KindInfo;
  name: string;
  headingLevel?: "h1" | "h2";
  /** What else a person may do. */
  children?: ReactNode;
}

export function NoSuchObject({ info, name, headingLevel = "h1", children }: Props) {
  const projects = useWhoAmI().data?.projects ?? null;
  const isLimited = info.ofProjects && projects !== null;
  return (
    <EmptyState headingLevel={headingLevel} titleText={`There is no ${info.noun} ${name}`}>
      <EmptyStateBody>
        <p>
          {isLimited
            ? `It was deleted, the address is mistyped, or it is of a project that this token does not reach. The token reaches ${reached(projects)}.`
            : "It was deleted, or the address is mistyped."}
        </p>
        <p>
          <Link href={`/${info.collection}`}>All {info.plural}</Link>
          {children}
        </p>
      </EmptyStateBody>
    </EmptyState>
  );
}

const reached = (projects: readonly string[]): string => projects.join(", ") || "no project";
