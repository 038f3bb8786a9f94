/** Objects by phase: one card each, a bar of proportions and numbers that lead to those objects. */

import { Card, CardBody, CardTitle, Skeleton } from "@patternfly/react-core";
import { Link } from "wouter";
import { PHASES, type Fleet, type Phase, type PhaseCounts } from "../api/documents";
import { PhaseIcon } from "../status/phase";
import { HostFacts } from "./host-facts";

const CARDS = [
  { key: "hosts", title: "Hosts" },
  { key: "segments", title: "Segments" },
  { key: "ports", title: "Ports" },
  { key: "bridges", title: "Bridges" },
  { key: "tunnels", title: "Tunnels" },
] as const;

export function Glance({ fleet }: { fleet: Fleet | undefined }) {
  return (
    <div className="glance">
      {CARDS.map(({ key, title }) => (
        <Card key={key} component="section" aria-labelledby={`glance-${key}`} className={`glance-of-${key}`}>
          <CardTitle component="h2" id={`glance-${key}`}>
            <Link href={`/${key}`}>{title}</Link>
          </CardTitle>
          <CardBody>
            {fleet ? (
              <Counts counts={fleet[key]} title={title} href={`/${key}`} />
            ) : (
              <Skeleton height="5rem" screenreaderText={`Loading ${title}`} />
            )}
            {fleet && key === "hosts" && fleet.hosts.total > 0 && <HostFacts fleet={fleet} />}
          </CardBody>
        </Card>
      ))}
    </div>
  );
}

interface CountsProps {
  counts: PhaseCounts;
  title: string;
  href: string;
}

function Counts({ counts, title, href }: CountsProps) {
  const present = PHASES.filter((phase) => countOf(counts, phase) > 0);
  return (
    <>
      <p className="glance-figure">
        <span className="glance-ready">{counts.ready.toLocaleString()}</span>
        <span className="glance-total number"> of {counts.total.toLocaleString()} ready</span>
      </p>
      <ProportionBar counts={counts} />
      <ul className="glance-legend" aria-label={`${title} by phase`}>
        {present.length === 0 && <li className="muted">None yet</li>}
        {present.map((phase) => (
          <li key={phase}>
            <PhaseIcon phase={phase} />
            <Link href={`${href}?phase=${phase}`} className="number">
              {countOf(counts, phase).toLocaleString()} {phase}
            </Link>
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
