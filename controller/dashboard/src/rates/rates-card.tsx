/** Charts of what flows: of what the page is of, and of what was put beside it. */

import { Card, CardBody, CardHeader, CardTitle, Label, LabelGroup } from "@patternfly/react-core";
import { Button } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { QueryState } from "../chrome/query-state";
import { AddSeries, type Pool, type Wanted } from "./add-series";
import { Charts, NothingYet } from "./charts";
import { Moves, Ranges, ZoomBar } from "./controls";
import { useStats } from "./queries";
import "./rates.css";
import type { Select, Selection } from "./selection";
import { nameOfSource, type Source } from "./sources";

interface Props {
  sources: Source[];
  selection: Selection;
  select: Select;
  /** Where what may be put into the chart is looked for. */
  pools: Pool[];
  /** What else may be put into it, as options of a list. */
  offer?: (wanted: Wanted) => ReactNode;
}

export function RatesCard({ sources, selection, select, pools, offer }: Props) {
  const query = useStats(sources, selection);
  return (
    <Card component="section" aria-labelledby="rates-title" className="rates">
      <CardHeader
        hasWrap
        actions={{
          hasNoOffset: true,
          actions: (
            <div className="rate-controls">
              <Ranges selection={selection} choose={select.range} />
              <Moves selection={selection} zoom={select.zoom} />
            </div>
          ),
        }}
      >
        <CardTitle component="h2" id="rates-title">
          Rates
        </CardTitle>
      </CardHeader>
      <CardBody>
        <div className="rate-series">
          <Chosen sources={sources} select={select} />
          <AddSeries pools={pools} offer={offer} selection={selection} toggle={select.toggle} />
        </div>
        {selection.zoom && <ZoomBar zoom={selection.zoom} leave={() => select.zoom(null)} />}
        <QueryState title="Rates" query={query} height="16rem">
          {(drawn) =>
            drawn === null ? (
              <NothingYet />
            ) : (
              <Charts drawn={drawn} zoom={selection.zoom} onZoom={select.zoom} isOld={query.isPlaceholderData} />
            )
          }
        </QueryState>
      </CardBody>
    </Card>
  );
}

/** What was put in, each to be taken out again. */
function Chosen({ sources, select }: Pick<Props, "sources" | "select">) {
  const chosen = sources.filter(({ word }) => word !== "");
  if (chosen.length === 0) return null;
  return (
    <>
      <LabelGroup categoryName="In the chart" numLabels={chosen.length}>
        {chosen.map((source) => {
          const name = nameOfSource(source);
          return (
            <Label
              key={source.word}
              isCompact
              variant="outline"
              onClose={() => select.toggle(source.word)}
              closeBtnAriaLabel={`Take ${name} out of the chart`}
            >
              {name}
            </Label>
          );
        })}
      </LabelGroup>
      <Button variant="link" isInline onClick={select.clear}>
        Take all out
      </Button>
    </>
  );
}
