/** Rows of a table, twenty at a time. */

import { Pagination } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState, type ReactNode } from "react";

export interface Column<T> {
  title: string;
  cell: (item: T) => ReactNode;
  className?: string;
}

interface Props<T> {
  /** What the rows are, as a screen reader announces the table. */
  label: string;
  columns: Column<T>[];
  items: T[];
  keyOf: (item: T) => string;
  isChosen?: (item: T) => boolean;
}

const PER_PAGE = 20;

export function PagedTable<T>({ label, columns, items, keyOf, isChosen }: Props<T>) {
  const [page, setPage] = useState(1);
  // Rows may disappear under the reader of the last page.
  const last = Math.max(1, Math.ceil(items.length / PER_PAGE));
  const current = Math.min(page, last);
  return (
    <>
      <Table aria-label={label} variant="compact" gridBreakPoint="grid-lg">
        <Thead>
          <Tr>
            {columns.map(({ title, className }) => (
              <Th key={title} className={className} modifier="nowrap">
                {title}
              </Th>
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {items.slice((current - 1) * PER_PAGE, current * PER_PAGE).map((item) => (
            <Tr key={keyOf(item)} className={isChosen?.(item) ? "row-chosen" : undefined}>
              {columns.map(({ title, cell, className }) => (
                <Td key={title} dataLabel={title} className={className}>
                  <div>{cell(item)}</div>
                </Td>
              ))}
            </Tr>
          ))}
        </Tbody>
      </Table>
      {items.length > PER_PAGE && (
        <Pagination
          isCompact
          itemCount={items.length}
          page={current}
          perPage={PER_PAGE}
          perPageOptions={[]}
          onSetPage={(_, wanted) => setPage(wanted)}
          titles={{ paginationAriaLabel: `Pages of ${label}` }}
        />
      )}
    </>
  );
}
