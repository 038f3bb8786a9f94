/** Whether a host's agent is heard: a fact beside how well the host is. */

import { Label } from "@patternfly/react-core";
import type { Host } from "../api/documents";

const LOOKS = {
  True: { color: "green", text: "Connected" },
  Unknown: { color: "purple", text: "Silent" },
  False: { color: "grey", text: "Never connected" },
} as const;

export function ConnectionLabel({ host }: { host: Host }) {
  const condition = host.status.conditions.find(({ type }) => type === "Connected");
  if (!condition) return <span className="muted">not known</span>;
  const { color, text } = LOOKS[condition.status];
  return (
    <Label color={color} isCompact title={condition.message}>
      {condition.reason === "NotEnrolled" ? "Not enrolled" : text}
    </Label>
  );
}
