/** Hosts, segments and ports by phase: one card each, a bar of proportions and its numbers. */

import { Card, CardBody, CardTitle, Grid, GridItem, Skeleton } from "@patternfly/react-core";
import { PHASES, type Fleet, type Phase, type PhaseCounts } from "../api/documents";
import { PhaseIcon } from "../status/phase";

const CARDS = [
  { key: "hosts", title: "Hosts" },
  { key: "segments", title: "Segments" },
  { key: "ports", title: "Ports" },
  { key: "tunnels", title: "Explicit tunnels" },
] as const;

export function Glance({ fleet }: { fleet: Fleet | undefined }) {
  return (
    <Grid hasGutter>
      {CARDS.map(({ key, title }) => (
        <GridItem key={key} sm={6} xl={3}>
          <Card component="section" aria-labelledby={`glance-${key}`} isFullHeight>
            <CardTitle component="h2" id={`glance-${key}`}>
              {title}
            </CardTitle>
            <CardBody>
              {fleet ? (
                <Counts counts={fleet[key]} title={title} />
              ) : (
                <Skeleton height="5rem" screenreaderText={`Loading ${title}`} />
              )}
            </CardBody>
          </Card>
        </GridItem>
      ))}
    </Grid>
  );
}

function Counts({ counts, title }: { counts: PhaseCounts; title: string }) {
  const present = PHASES.filter((phase) => countOf(counts, phase) > 0);
  return (
    <>
      <p className="glance-figure">
        <span className="glance-ready">{counts.ready}</span>
        <span className="glance-total"> of {counts.total} ready</span>
      </p>
      <ProportionBar counts={counts} />
      <ul className="glance-legend" aria-label={`${title} by phase`}>
        {present.length === 0 && <li className="muted">None yet</li>}
        {present.map((phase) => (
          <li key={phase}>
            <PhaseIcon phase={phase} />
            <strong>{countOf(counts, phase)}</strong> {phase}
          </li>
        ))}
      </ul>
    </>
  );
}

function ProportionBar({ counts }: { counts: PhaseCounts }) {
  const widths = PHASES.map((phase) => (100 * countOf(counts, phase)) / Math.max(1, counts.total));
  return (
    <svg className="glance-bar" width="100%" height="8" aria-hidden="true">
      <rect className="glance-bar-empty" width="100%" height="8" />
      {PHASES.map((phase, index) => (
        <rect
          key={phase}
          className={`glance-bar-${phase.toLowerCase()}`}
          x={`${widths.slice(0, index).reduce((sum, width) => sum + width, 0)}%`}
          width={`${widths[index]}%`}
          height="8"
        />
      ))}
    </svg>
  );
}

function countOf(counts: PhaseCounts, phase: Phase): number {
  return counts[phase.toLowerCase() as Lowercase<Phase>];
}
