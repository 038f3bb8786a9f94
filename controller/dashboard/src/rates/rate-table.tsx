/** The charts' legend, and the same in numbers. */

import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { formatsOf, timeOf, useZone, type Zone } from "../chrome/moments";
import { type Direction, type Line, newest, peak, type Values } from "./chart-data";
import { colorName } from "./chart-options";
import { formatRate } from "./units";

/** What is measured in one unit, for all series. */
export interface Measured {
  unit: string;
  lines: Line[];
}

interface Props {
  /** Names of the series, in the order of their colours. */
  series: string[];
  measured: Measured[];
  times: number[];
  stepSeconds: number;
  /** Whether the newest value is of now. */
  isLive: boolean;
  /** The moment under the cursor; null: the newest. */
  index: number | null;
}

const DAY_S = 86_400;

type Pick = (values: Values) => number | null;

export function RateTable({ series, measured, times, stepSeconds, isLive, index }: Props) {
  const zone = useZone();
  const moment = index === null ? undefined : times[index];
  const newestAt = isLive ? "now" : "at the end";
  const when = moment === undefined ? newestAt : `at ${momentOf(new Date(1000 * moment), zone, times)}`;
  const current: Pick = (values) =>
    index === null ? newest(values, stepSeconds) : (values[index] ?? null);
  const columns: [string, Direction, Pick][] = [
    [`Received ${when}`, "rx", current],
    [`Sent ${when}`, "tx", current],
    ["Peak received", "rx", peak],
    ["Peak sent", "tx", peak],
  ];
  return (
    <Table aria-label="Rates in numbers" variant="compact" gridBreakPoint="grid-md">
      <Thead>
        <Tr>
          <Th>Series</Th>
          {columns.map(([title]) => (
            <Th key={title} className="number" modifier="nowrap">
              {title}
            </Th>
          ))}
        </Tr>
      </Thead>
      <Tbody>
        {series.map((name, color) => (
          <Tr key={name}>
            <Td dataLabel="Series">
              <div>
                <Swatch color={color} /> {name}
              </div>
            </Td>
            {columns.map(([title, direction, pick]) => (
              <Td key={title} dataLabel={title} className="number">
                <div>
                  <Cell measured={measured} color={color} direction={direction} pick={pick} />
                </div>
              </Td>
            ))}
          </Tr>
        ))}
      </Tbody>
    </Table>
  );
}

/** With its day where the times are of several. */
function momentOf(moment: Date, zone: Zone, times: number[]): string {
  const isOfDays = (times.at(-1) ?? 0) - (times[0] ?? 0) > DAY_S;
  return (isOfDays ? `${formatsOf(zone).day.format(moment)}, ` : "") + timeOf(moment, zone);
}

interface CellProps {
  measured: Measured[];
  color: number;
  direction: Direction;
  pick: Pick;
}

function Cell({ measured, color, direction, pick }: CellProps) {
  return measured.map(({ unit, lines }, index) => {
    const line = lines.find((each) => each.color === color && each.direction === direction);
    return (
      <div key={unit} className={index > 0 ? "muted detail" : undefined}>
        {formatRate(line ? pick(line.values) : null, unit)}
      </div>
    );
  });
}

/** Solid is received, dashed is sent, as in the charts. */
function Swatch({ color }: { color: number }) {
  return (
    <svg
      className="swatch"
      width="26"
      height="12"
      aria-hidden="true"
      style={{ stroke: `var(${colorName(color)})` }}
    >
      <path d="M0 3h26" />
      <path d="M0 9h26" strokeDasharray="5 4" />
    </svg>
  );
}
