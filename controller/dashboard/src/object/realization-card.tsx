/** How many of the hosts that need the object have it. */

import { Card, CardBody, CardTitle, Label, Progress } from "@patternfly/react-core";
import type { Realization } from "../api/documents";
import { useRealization, type ObjectRef } from "../api/objects";
import { Moment } from "../chrome/moment";
import { QueryState } from "../chrome/query-state";

const STATES = {
  realized: { color: "green", text: "Realized", variant: "success" },
  in_progress: { color: "blue", text: "In progress", variant: undefined },
  pending: { color: "blue", text: "Pending", variant: undefined },
  degraded: { color: "orange", text: "Degraded", variant: "warning" },
  error: { color: "red", text: "Error", variant: "danger" },
} as const;

export function RealizationCard({ objectRef }: { objectRef: ObjectRef }) {
  const query = useRealization(objectRef);
  return (
    <Card component="section" aria-labelledby="realization-title">
      <CardTitle component="h2" id="realization-title">
        On its hosts
      </CardTitle>
      <CardBody>
        <QueryState title="Hosts" query={query}>
          {(realization) => <Summary realization={realization} />}
        </QueryState>
      </CardBody>
    </Card>
  );
}

export function Summary({ realization: { state, hosts, revision, pending_since } }: { realization: Realization }) {
  const { color, text, variant } = STATES[state];
  return (
    <>
      <p>
        <Label color={color} isCompact>
          {text}
        </Label>{" "}
        <span className="muted">
          revision <span className="mono">{revision}</span>
          {pending_since && (
            <>
              , waiting since <Moment at={pending_since} />
            </>
          )}
        </span>
      </p>
      {hosts.total === 0 ? (
        <p className="muted">No host needs it at present.</p>
      ) : (
        <Progress
          aria-label="Hosts that have it as intended"
          value={hosts.ok}
          max={hosts.total}
          label={`${hosts.ok} of ${hosts.total}`}
          valueText={`${hosts.ok} of ${hosts.total} hosts have it as intended`}
          title="Hosts that have it as intended"
          size="sm"
          variant={variant}
        />
      )}
    </>
  );
}
