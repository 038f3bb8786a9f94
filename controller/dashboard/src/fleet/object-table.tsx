/** A card with a filterable, paged table: what hosts and segments have in common. */

import { Bullseye, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { Button, EmptyState, EmptyStateActions, EmptyStateBody } from "@patternfly/react-core";
import { EmptyStateFooter, Pagination, SearchInput, Skeleton } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { UseQueryResult } from "@tanstack/react-query";
import { useState, type ReactNode } from "react";
import type { AnyObject } from "../api/documents";

export interface Column<T> {
  title: string;
  cell: (object: T) => ReactNode;
  className?: string;
}

interface Props<T> {
  id: string;
  title: string;
  query: UseQueryResult<T[]>;
  columns: Column<T>[];
  /** What to do when there is none. */
  empty: ReactNode;
}

const PER_PAGE = 20;

export function ObjectTable<T extends AnyObject>({ id, title, query, columns, empty }: Props<T>) {
  const [filter, setFilter] = useState("");
  const [page, setPage] = useState(1);
  const found = query.data?.filter((object) => matches(object, filter)) ?? [];
  // Objects may disappear under the reader of the last page.
  const last = Math.max(1, Math.ceil(found.length / PER_PAGE));
  const current = Math.min(page, last);
  const shown = found.slice((current - 1) * PER_PAGE, current * PER_PAGE);
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
              onChange={(_, value) => {
                setFilter(value);
                setPage(1);
              }}
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
        {query.isPending && <Skeleton height="10rem" screenreaderText={`Loading ${title}`} />}
        {query.isError && !query.data && <Failed title={title} query={query} />}
        {query.data?.length === 0 && <Bullseye>{empty}</Bullseye>}
        {query.data && query.data.length > 0 && found.length === 0 && (
          <p className="muted">Nothing matches “{filter}”.</p>
        )}
        {shown.length > 0 && <Rows id={id} columns={columns} objects={shown} />}
        {found.length > PER_PAGE && (
          <Pagination
            isCompact
            itemCount={found.length}
            page={current}
            perPage={PER_PAGE}
            perPageOptions={[]}
            onSetPage={(_, wanted) => setPage(wanted)}
            titles={{ paginationAriaLabel: `Pages of ${title.toLowerCase()}` }}
          />
        )}
      </CardBody>
    </Card>
  );
}

function Rows<T extends AnyObject>({ id, columns, objects }: { id: string; columns: Column<T>[]; objects: T[] }) {
  return (
    <Table aria-labelledby={`${id}-title`} variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          {columns.map(({ title }) => (
            <Th key={title}>{title}</Th>
          ))}
        </Tr>
      </Thead>
      <Tbody>
        {objects.map((object) => (
          <Tr key={object.metadata.uid}>
            {columns.map(({ title, cell, className }) => (
              <Td key={title} dataLabel={title} className={className}>
                {cell(object)}
              </Td>
            ))}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

function Failed<T>({ title, query }: { title: string; query: UseQueryResult<T[]> }) {
  return (
    <EmptyState headingLevel="h3" status="danger" titleText={`${title} could not be read`}>
      <EmptyStateBody>{query.error?.message}</EmptyStateBody>
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

function matches(object: AnyObject, filter: string): boolean {
  if (!filter) return true;
  const { metadata, spec, status } = object;
  const reasons = status.conditions.map((condition) => condition.reason);
  const text = [metadata.name, status.phase, ...reasons, JSON.stringify(spec)].join(" ");
  return text.toLowerCase().includes(filter.toLowerCase());
}
