/** A table whose rows the server filters, orders and pages.
 *
 * The address holds what is shown: `q` words, `filter` in the API's own language, `labels`, `order`
 * and the token of the page. Going back goes through the pages that were seen. */

import { Checkbox } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Page } from "../api/objects";
import { QueryState } from "./query-state";
import { TablePages } from "./table-pages";
import { useUrlState } from "./url-state";

export interface ServerColumn<T> {
  title: string;
  cell: (item: T) => ReactNode;
  className?: string;
  /** What the server calls it, where it can order by it: `name`, `created_at`, … */
  order?: string;
}

interface Props<T> {
  /** What the rows are, as a screen reader announces the table, in the plural: "Hosts". */
  label: string;
  query: UseQueryResult<Pick<Page<T>, "items" | "next_page_token">>;
  columns: ServerColumn<T>[];
  keyOf: (item: T) => string;
  /** Nothing there at all, or nothing that matches. */
  empty: ReactNode;
  rowClass?: (item: T) => string | undefined;
  /** Of several tables on one page, each has its own part of the address. */
  prefix?: string;
  /** Lets rows be chosen, for something that is done to all of them. */
  selection?: Selection<T>;
}

export interface Selection<T> {
  isChosen: (item: T) => boolean;
  choose: (items: T[], isChosen: boolean) => void;
  nameOf: (item: T) => string;
}

export function ServerTable<T>(props: Props<T>) {
  const { label, query } = props;
  return (
    <QueryState title={label} query={query} height="16rem">
      {(page) => <Rows {...props} items={page.items} next={page.next_page_token} />}
    </QueryState>
  );
}

interface RowsProps<T> extends Props<T> {
  items: T[];
  next: string;
}

function Rows<T>({ label, query, columns, keyOf, empty, rowClass, prefix = "", selection, items, next }: RowsProps<T>) {
  const { get } = useUrlState();
  const page = `${prefix}page`;
  const isFirst = !get(page);
  if (items.length === 0 && isFirst) return empty;
  return (
    <>
      <Table aria-label={label} variant="compact" gridBreakPoint="grid-lg" aria-busy={query.isFetching}>
        <Thead>
          <Tr>
            {selection && (
              <Th className="pf-v6-c-table__check">
                <Checkbox
                  id={`${prefix}choose-all`}
                  aria-label={`Choose all ${label} of this page`}
                  isChecked={items.length > 0 && items.every(selection.isChosen)}
                  onChange={(_, isChosen) => selection.choose(items, isChosen)}
                />
              </Th>
            )}
            {columns.map((column) => (
              <Heading key={column.title} column={column} prefix={prefix} />
            ))}
          </Tr>
        </Thead>
        <Tbody>
          {items.map((item) => (
            <Tr key={keyOf(item)} className={rowClass?.(item)}>
              {selection && (
                <Td className="pf-v6-c-table__check">
                  <Checkbox
                    id={`${prefix}choose-${keyOf(item)}`}
                    aria-label={`Choose ${selection.nameOf(item)}`}
                    isChecked={selection.isChosen(item)}
                    onChange={(_, isChosen) => selection.choose([item], isChosen)}
                  />
                </Td>
              )}
              {columns.map(({ title, cell, className }) => (
                <Td key={title} dataLabel={title} className={className}>
                  <div>{cell(item)}</div>
                </Td>
              ))}
            </Tr>
          ))}
        </Tbody>
      </Table>
      <TablePages of={label} name={page} next={next} isLoading={query.isPlaceholderData} />
    </>
  );
}

function Heading<T>({ column, prefix }: { column: ServerColumn<T>; prefix: string }) {
  const { get, put } = useUrlState();
  const { title, className, order } = column;
  if (!order)
    return (
      <Th className={className} modifier="nowrap">
        {title}
      </Th>
    );
  const [by, direction] = get(`${prefix}order`).split(" ");
  const isBy = (by || "name") === order;
  return (
    <Th
      className={className}
      modifier="nowrap"
      sort={{
        columnIndex: 0,
        sortBy: isBy ? { index: 0, direction: direction === "desc" ? "desc" : "asc" } : {},
        onSort: (_event, _index, wanted) =>
          put({
            [`${prefix}order`]: wanted === "desc" ? `${order} desc` : order,
            [`${prefix}page`]: null,
          }),
      }}
    >
      {title}
    </Th>
  );
}
