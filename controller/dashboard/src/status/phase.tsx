/** A phase as people see it: never by colour alone. */

import { Label } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import ExclamationCircleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-circle-icon";
import ExclamationTriangleIcon from "@patternfly/react-icons/dist/esm/icons/exclamation-triangle-icon";
import InProgressIcon from "@patternfly/react-icons/dist/esm/icons/in-progress-icon";
import UnknownIcon from "@patternfly/react-icons/dist/esm/icons/unknown-icon";
import type { ComponentType } from "react";
import type { Phase } from "../api/documents";

interface Look {
  color: "green" | "blue" | "orange" | "red" | "purple";
  Icon: ComponentType;
}

const LOOKS: Record<Phase, Look> = {
  Ready: { color: "green", Icon: CheckCircleIcon },
  Pending: { color: "blue", Icon: InProgressIcon },
  Degraded: { color: "orange", Icon: ExclamationTriangleIcon },
  Failed: { color: "red", Icon: ExclamationCircleIcon },
  Unknown: { color: "purple", Icon: UnknownIcon },
};

/** A newer controller may have phases that this page does not know. */
const lookOf = (phase: Phase): Look => LOOKS[phase] ?? LOOKS.Unknown;

export function PhaseLabel({ phase }: { phase: Phase }) {
  const { color, Icon } = lookOf(phase);
  return (
    <Label color={color} icon={<Icon />} isCompact className="phase-label">
      {phase}
    </Label>
  );
}

export function PhaseIcon({ phase }: { phase: Phase }) {
  const { Icon } = lookOf(phase);
  return (
    <span className={`phase-icon phase-${phase.toLowerCase()}`} aria-hidden="true">
      <Icon />
    </span>
  );
}
