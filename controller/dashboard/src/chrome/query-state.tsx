/** What stands in the place of data that is not there: still loading, not allowed, not readable; and
 * over data that could not be read again. */

import { Alert, Button, EmptyState, EmptyStateActions, EmptyStateBody } from "@patternfly/react-core";
import { EmptyStateFooter, Skeleton } from "@patternfly/react-core";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { Fix } from "../copy/fix";
import { useLive } from "../live/live";
import { Moment } from "./moment";

interface Props<T> {
  /** What is read, as the subject of a sentence in the plural: "Hosts". */
  title: string;
  query: UseQueryResult<T>;
  /** About as high as what will come. */
  height?: string;
  children: (data: T) => ReactNode;
}

export function QueryState<T>({ title, query, height = "8rem", children }: Props<T>) {
  if (query.error instanceof ApiError && query.error.status === 403)
    return <Forbidden title={title} reason={query.error.message} />;
  if (query.data !== undefined)
    return (
      <>
        {query.isError && <Old title={title} query={query} />}
        {children(query.data)}
      </>
    );
  if (query.isError) return <Unreadable title={title} query={query} />;
  return <Skeleton height={height} screenreaderText={`Loading ${title}`} />;
}

/** What the API says that a person can do. */
const fixesOf = (error: Error | null): string[] =>
  error instanceof ApiError ? [...new Set(error.errors.map(({ fix }) => fix).filter(Boolean))] : [];

/** While the stream is broken, the page says so of everything on it. */
function Old<T>({ title, query }: { title: string; query: UseQueryResult<T> }) {
  if (useLive().state === "broken") return null;
  return (
    <Alert variant="warning" isInline isPlain title={`${title} could not be read again`}>
      What you see is of <Moment at={new Date(query.dataUpdatedAt).toISOString()} />. Since then: {query.error?.message}
    </Alert>
  );
}

export function Forbidden({ title, reason }: { title: string; reason: string }) {
  return (
    <EmptyState headingLevel="h3" variant="sm" icon={LockIcon} titleText={`${title} are not yours to see`}>
      <EmptyStateBody>
        <p>{reason}</p>
        <p>A network admin can make a token that may read them.</p>
      </EmptyStateBody>
    </EmptyState>
  );
}

function Unreadable<T>({ title, query }: { title: string; query: UseQueryResult<T> }) {
  return (
    <EmptyState
      headingLevel="h3"
      variant="sm"
      status="danger"
      titleText={`${title} could not be read`}
    >
      <EmptyStateBody>
        <p>{query.error?.message}</p>
        {fixesOf(query.error).map((fix) => (
          <p key={fix}>
            <Fix text={fix} />
          </p>
        ))}
      </EmptyStateBody>
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button variant="primary" onClick={() => void query.refetch()}>
            Try again
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
