/** What runs out: how full it is, in words where that is worrying. */

import { Button, Card, CardBody, CardTitle, Progress } from "@patternfly/react-core";
import { useState } from "react";
import { Link } from "wouter";
import { pathOf } from "../kinds/kinds";
import { fullness, type Level } from "./fullness";
import type { Capacity } from "./queries";

const SHOWN = 4;
const LOOKS: Record<Level, { variant?: "warning" | "danger"; words: string }> = {
  roomy: { words: "" },
  filling: { variant: "warning", words: "Filling up" },
  full: { variant: "danger", words: "Nearly full" },
  spent: { variant: "danger", words: "Full" },
};

export function CapacityCard({ capacity }: { capacity: Capacity[] }) {
  const [all, setAll] = useState(false);
  const fullest = [...capacity].sort((a, b) => fullness(b).percent - fullness(a).percent);
  const shown = all ? fullest : fullest.slice(0, SHOWN);
  if (capacity.length === 0) return null;
  return (
    <Card component="section" aria-labelledby="capacity-title">
      <CardTitle component="h2" id="capacity-title">
        Capacity
      </CardTitle>
      <CardBody>
        <div className="meters">
          {shown.map((each) => (
            <Meter key={each.id} capacity={each} />
          ))}
        </div>
        {fullest.length > SHOWN && (
          <Button variant="link" isInline onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? "Show the fullest only" : `Show all ${fullest.length}`}
          </Button>
        )}
      </CardBody>
    </Card>
  );
}

function Meter({ capacity }: { capacity: Capacity }) {
  const { id, title, used, quarantined, total, unit } = capacity;
  const { percent, level } = fullness(capacity);
  const { variant, words } = LOOKS[level];
  const pool = id.startsWith("pool:") ? id.slice("pool:".length) : "";
  return (
    <div>
      <div className="meter-title">
        {pool ? <Link href={pathOf("Pool", pool)}>{title}</Link> : title}
        {words && <strong className={`meter-${level}`}>{words}</strong>}
      </div>
      <Progress
        value={percent}
        variant={variant}
        size="sm"
        measureLocation="none"
        aria-label={`${title}: ${percent} % taken${words && `, ${words.toLowerCase()}`}`}
      />
      <p className="muted detail number">
        {used.toLocaleString()} of {total.toLocaleString()} {unit} used
        {quarantined > 0 && `, ${quarantined.toLocaleString()} resting before they are free again`}
      </p>
    </div>
  );
}
