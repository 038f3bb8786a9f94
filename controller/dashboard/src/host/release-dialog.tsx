/** Lets a host go on with what waits for a person, each thing for itself. */

import { Checkbox } from "@patternfly/react-core";
import { useState } from "react";
import { document } from "../api/client";
import type { Failure } from "../api/documents";
import { useFailures, useGrants, type Pin } from "../api/host-queries";
import type { components } from "../api/schema";
import { ConfirmDialog } from "../chrome/confirm-dialog";
import { QueryState } from "../chrome/query-state";
import { shellWord } from "../copy/shell";
import { Message } from "../status/message";
import { heldOf, nameOf, type Held } from "./held";
import { useHostOperation, type DialogProps } from "./operations";
import { pathOfHost } from "./requests";

type Released = components["schemas"]["ReleaseDocument"];

interface Chosen {
  pin: boolean;
  drift: boolean;
  removals: string[];
  force: string[];
}

export function ReleaseDialog({ name, close, done }: DialogProps & { name: string }) {
  const grants = useGrants(name);
  const failures = useFailures(name);
  const [choice, setChosen] = useState<Chosen | null>(null);
  const held = heldOf(failures.data ?? []);
  const pin = grants.data?.pin ?? null;
  const isMendable = held.drift.length > 0;
  // What waits when the dialog opens is proposed; what comes while it is open, a person ticks.
  if (!choice && grants.data && failures.data) setChosen({ ...NOTHING, pin: pin !== null, drift: isMendable });
  const chosen = shownOf(choice ?? NOTHING, pin, held);
  // Who ticked each of them and typed the name has confirmed how many they are.
  const body = { ...chosen, confirm_count: chosen.removals.length || null };
  const operation = useHostOperation(
    name,
    async (api) => {
      const params = { path: { name_or_uid: name } };
      const released = document(await api.POST("/v1/hosts/{name_or_uid}/release", { params, body }));
      return { title: outcome(released), warnings: released.warnings };
    },
    done,
  );
  const isGrave = chosen.removals.length + chosen.force.length > 0;
  // The command has no word for leaving the host held, nor for leaving drift as it is.
  const isAll = !isGrave && chosen.pin === (pin !== null) && chosen.drift === isMendable;
  return (
    <ConfirmDialog
      title={`Let ${name} go on?`}
      verb="Release"
      isDanger={isGrave}
      isReady={chosen.pin || chosen.drift || isGrave}
      operation={operation}
      close={close}
      request={{ method: "POST", path: `${pathOfHost(name)}/release`, body }}
      {...(isGrave && { mustType: name })}
      {...(isAll && { cli: `ovsfleet release ${shellWord(name)}` })}
    >
      <QueryState title="Failures" query={failures}>
        {() => (
          <QueryState title="Grants" query={grants}>
            {() => <Choices pin={pin} held={held} chosen={chosen} choose={setChosen} />}
          </QueryState>
        )}
      </QueryState>
    </ConfirmDialog>
  );
}

const NOTHING: Chosen = { pin: false, drift: false, removals: [], force: [] };

/** Nothing is sent that has no box on the screen. */
function shownOf(chosen: Chosen, pin: Pin | null, held: Held): Chosen {
  const among = (resources: string[], failures: Failure[]) =>
    resources.filter((resource) => failures.some((failure) => failure.resource === resource));
  return {
    pin: chosen.pin && pin !== null,
    drift: chosen.drift && held.drift.length > 0,
    removals: among(chosen.removals, held.removals),
    force: among(chosen.force, held.forced),
  };
}

interface ChoicesProps {
  pin: Pin | null;
  held: Held;
  chosen: Chosen;
  choose: (chosen: Chosen) => void;
}

function Choices({ pin, held, chosen, choose }: ChoicesProps) {
  const isNothing = !pin && [held.drift, held.removals, held.forced].every((each) => each.length === 0);
  if (isNothing) return <p>Nothing on this host waits for a release.</p>;
  return (
    <>
      {pin && (
        <Checkbox
          id="release-pin"
          label="Follow the fleet again"
          description={`${undone(pin)} It will be sent the newest intent, which may be the same change again.`}
          body={pin.reason && <Message text={`Its agent says: ${pin.reason}`} />}
          isChecked={chosen.pin}
          onChange={(_, checked) => choose({ ...chosen, pin: checked })}
        />
      )}
      {held.drift.length > 0 && (
        <Checkbox
          id="release-drift"
          label={`Mend what others changed (${held.drift.length})`}
          description="The agent brings these to what is intended, once more; what somebody changed by hand there is lost."
          body={<Listed failures={held.drift} />}
          isChecked={chosen.drift}
          onChange={(_, checked) => choose({ ...chosen, drift: checked })}
        />
      )}
      <Resources
        legend="Take away what intent does not know"
        says="These are the fleet's, on the host, and neither intended nor deleted. What uses them loses them."
        failures={held.removals}
        chosen={chosen.removals}
        choose={(removals) => choose({ ...chosen, removals })}
      />
      <Resources
        legend="Change without a way back"
        says="These carry the way to the controller, or addresses of the host's own. If the change cuts the host off, nobody undoes it."
        failures={held.forced}
        chosen={chosen.force}
        choose={(force) => choose({ ...chosen, force })}
      />
    </>
  );
}

const undone = ({ revision, undone_revision: undid }: Pin): string =>
  `The host undid ${undid === null ? "a change" : `revision ${undid}`} and is held at revision ${revision}.`;

const Listed = ({ failures }: { failures: Failure[] }) => (
  <ul className="plain-list">
    {failures.map((failure) => (
      <li key={`${failure.resource} ${failure.reason}`}>
        <strong>{nameOf(failure)}</strong> <Message text={failure.message} />
      </li>
    ))}
  </ul>
);

interface ResourcesProps {
  legend: string;
  says: string;
  failures: Failure[];
  chosen: string[];
  choose: (resources: string[]) => void;
}

function Resources({ legend, says, failures, chosen, choose }: ResourcesProps) {
  if (failures.length === 0) return null;
  const all = failures.map(({ resource }) => resource);
  return (
    <fieldset className="choices">
      <legend>
        {legend} ({failures.length})
      </legend>
      <p className="muted">{says}</p>
      {failures.length > 1 && (
        <Checkbox
          id={`all ${legend}`}
          label="All of them"
          isChecked={chosen.length === all.length ? true : chosen.length > 0 ? null : false}
          onChange={(_, checked) => choose(checked ? all : [])}
        />
      )}
      {failures.map((failure) => (
        <Checkbox
          key={failure.resource}
          id={`release ${failure.resource}`}
          label={nameOf(failure)}
          description={<Message text={failure.message} />}
          isChecked={chosen.includes(failure.resource)}
          onChange={(_, checked) =>
            choose(checked ? [...chosen, failure.resource] : chosen.filter((each) => each !== failure.resource))
          }
        />
      ))}
    </fieldset>
  );
}

function outcome({ host, pin, removals, forced, retried, revision }: Released): string {
  const told = [
    pin && "follows the fleet again",
    removals.length > 0 && `takes ${removals.length} away`,
    forced.length > 0 && `changes ${forced.length} without a way back`,
    retried.length > 0 && `mends ${retried.length} again`,
  ].filter(Boolean);
  return told.length > 0 ? `${host} ${told.join(", ")}: fleet revision ${revision}.` : `Nothing waited on ${host}.`;
}
