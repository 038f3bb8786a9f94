/** Charts of one object's rates, with the time that they are over. */

import { Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Stats } from "../api/documents";
import { QueryState } from "../chrome/query-state";
import { Charts, NothingYet } from "./charts";
import { RANGES, type Range } from "./selection";

interface Props {
  query: UseQueryResult<Stats>;
  isUncounted: boolean;
  range: Range;
  choose: (key: string) => void;
}

export function ObjectRates({ query, isUncounted, range, choose }: Props) {
  return (
    <Card component="section" aria-labelledby="rates-title" className="rates">
      <CardHeader hasWrap actions={{ hasNoOffset: true, actions: <Ranges range={range} choose={choose} /> }}>
        <CardTitle component="h2" id="rates-title">
          Rates
        </CardTitle>
      </CardHeader>
      <CardBody>
        {isUncounted ? (
          <NothingYet />
        ) : (
          <QueryState title="Rates" query={query} height="16rem">
            {(stats) => <Charts stats={withHosts(stats)} />}
          </QueryState>
        )}
      </CardBody>
    </Card>
  );
}

export function Ranges({ range, choose }: Pick<Props, "range" | "choose">) {
  return (
    <ToggleGroup aria-label="Time range" isCompact>
      {RANGES.map(({ key, label }) => (
        <ToggleGroupItem key={key} text={label} isSelected={range.key === key} onChange={() => choose(key)} />
      ))}
    </ToggleGroup>
  );
}

/** A port that migrates, or the ends of a tunnel, are counted on each of their hosts. */
function withHosts(stats: Stats): Stats {
  const series = stats.series.map((each) => ({
    ...each,
    name: [each.host, each.device ?? each.name].filter(Boolean).join(" "),
  }));
  return { ...stats, series };
}
