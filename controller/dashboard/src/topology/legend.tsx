/** What lines and rings mean. */

import { formatRate } from "../rates/units";
import { WORST_FIRST } from "./graph";
import { DASHES, widthOf } from "./look";

const LOADS = [1e6, 100e6, 10e9];
const LENGTH = 44;

export function Legend() {
  return (
    <div className="topology-legend">
      <h3 className="topology-subtitle">Legend</h3>
      <ul aria-label="Lines by the worst phase of their tunnels">
        {[...WORST_FIRST].reverse().map((phase) => (
          <li key={phase}>
            <Line className={`phase-${phase.toLowerCase()}`} width={3} dashes={DASHES[phase]} />
            {phase}
          </li>
        ))}
        <li>
          <Line className="topology-idle" width={3} dashes={[]} />
          Ready, no load known
        </li>
      </ul>
      <ul aria-label="Widths of lines by what passes, both directions together">
        {LOADS.map((load) => (
          <li key={load}>
            <Line className="phase-ready" width={widthOf(load)} dashes={[]} />
            {formatRate(load, "bit/s")}
          </li>
        ))}
      </ul>
      <p className="muted detail">
        A line is as the worst of its tunnels, and the fainter the fewer these are. A square is a full mesh of
        many: each of its spokes is as the ends of tunnels at that node are, and a tunnel with a trouble of its own
        is a line between its hosts. A ring shows the phases of
        the hosts; a dashed ring around it: tunnels within the group are not Ready; a grey middle: no agent is
        heard. Click chooses, double click opens.
      </p>
    </div>
  );
}

function Line({ className, width, dashes }: { className: string; width: number; dashes: readonly number[] }) {
  return (
    <svg className={`topology-sample ${className}`} width={LENGTH} height="14" aria-hidden="true">
      <line x1="0" y1="7" x2={LENGTH} y2="7" strokeWidth={width} strokeDasharray={dashes.join(" ")} />
    </svg>
  );
}
