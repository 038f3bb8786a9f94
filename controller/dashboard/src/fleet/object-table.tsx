/** A card with a filterable, paged table: what hosts and segments have in common. */

import { Bullseye, Card, CardBody, CardHeader, CardTitle, SearchInput } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import { matches, type AnyObject } from "../api/documents";
import { type Column, PagedTable } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";

interface Props<T> {
  id: string;
  title: string;
  query: UseQueryResult<T[]>;
  columns: Column<T>[];
  /** What to do when there is none. */
  empty: ReactNode;
}

export function ObjectTable<T extends AnyObject>({ id, title, query, columns, empty }: Props<T>) {
  const [filter, setFilter] = useState("");
  return (
    <Card component="section" aria-labelledby={`${id}-title`}>
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: query.data && query.data.length > 0 && (
            <SearchInput
              aria-label={`Filter ${title.toLowerCase()}`}
              placeholder="Name, phase, reason"
              value={filter}
              onChange={(_, value) => setFilter(value)}
              onClear={() => setFilter("")}
            />
          ),
        }}
      >
        <CardTitle component="h2" id={`${id}-title`}>
          {title}
          {query.data && <span className="count">{query.data.length}</span>}
        </CardTitle>
      </CardHeader>
      <CardBody>
        <QueryState title={title} query={query} height="10rem">
          {(objects) => (
            <Found title={title} columns={columns} objects={objects} filter={filter} empty={empty} />
          )}
        </QueryState>
      </CardBody>
    </Card>
  );
}

interface FoundProps<T> {
  title: string;
  columns: Column<T>[];
  objects: T[];
  filter: string;
  empty: ReactNode;
}

function Found<T extends AnyObject>({ title, columns, objects, filter, empty }: FoundProps<T>) {
  const found = objects.filter((object) => matches(object, filter));
  if (objects.length === 0) return <Bullseye>{empty}</Bullseye>;
  if (found.length === 0) return <p className="muted">Nothing matches “{filter}”.</p>;
  return (
    <PagedTable
      // A new filter begins at its first page.
      key={filter}
      label={title}
      columns={columns}
      items={found}
      keyOf={({ metadata }) => metadata.uid}
    />
  );
}
