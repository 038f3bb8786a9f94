/** Steps through pages that the server hands out one by one. */

import { Button, Flex, FlexItem, Spinner } from "@patternfly/react-core";
import { useUrlState } from "./url-state";

interface Props {
  /** What the rows are, in the plural. */
  of: string;
  /** Where the address has the token of the page. */
  name: string;
  /** Of the next page; empty on the last. */
  next: string;
  isLoading: boolean;
}

/** Nothing where all is on one page. Going back goes through the pages that were seen. */
export function TablePages({ of, name, next, isLoading }: Props) {
  const { get, put, step, isAfter } = useUrlState();
  const isFirst = !get(name);
  if (isFirst && !next) return null;
  return (
    <Flex className="table-pages" justifyContent={{ default: "justifyContentFlexEnd" }}>
      {isLoading && (
        <FlexItem>
          <Spinner size="md" aria-label={`Loading more ${of}`} />
        </FlexItem>
      )}
      <Button variant="link" isDisabled={isFirst} onClick={() => put({ [name]: null }, true)}>
        First page
      </Button>
      <Button variant="secondary" isDisabled={isFirst || !isAfter(name)} onClick={() => history.back()}>
        Back
      </Button>
      <Button variant="secondary" isDisabled={!next || isLoading} onClick={() => step(name, next)}>
        Next page
      </Button>
    </Flex>
  );
}
