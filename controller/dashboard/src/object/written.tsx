/** What became of the change that brought a person here: how far the hosts are with it, as they
 * report, and what it was warned of. */

import { Alert, AlertActionCloseButton, Progress } from "@patternfly/react-core";
import { useState } from "react";
import type { ChangeWarning, Realization } from "../api/documents";
import { useRealization, type ObjectRef } from "../api/objects";
import type { KindInfo } from "../kinds/kinds";
import { Message } from "../status/message";

export interface WrittenState {
  revision: number;
  warnings: ChangeWarning[];
  isNew: boolean;
}

export function Written({ info, objectRef }: { info: KindInfo; objectRef: ObjectRef }) {
  const [written, setWritten] = useState(writtenBefore);
  if (!written) return null;
  const close = () => {
    history.replaceState(null, "", location.href);
    setWritten(null);
  };
  return (
    <div className="object-written">
      <Told info={info} objectRef={objectRef} written={written} close={close} />
      {written.warnings.map(({ code, detail, fix, pointer }) => (
        <Alert key={`${code} ${pointer} ${detail}`} variant="warning" isInline title={<Message text={detail} />}>
          <Message text={fix} />
        </Alert>
      ))}
    </div>
  );
}

/** The editor leaves it with the step that leads here; "back" and "reload" find it again. */
function writtenBefore(): WrittenState | null {
  const state = history.state as { written?: WrittenState } | null;
  return state?.written ?? null;
}

interface ToldProps {
  info: KindInfo;
  objectRef: ObjectRef;
  written: WrittenState;
  close: () => void;
}

function Told({ info, objectRef, written, close }: ToldProps) {
  const realization = useRealization(objectRef).data;
  const isDone = realization?.state === "realized" && realization.observed_revision >= written.revision;
  const failed = realization?.hosts.failed[0];
  const what = `The ${info.noun} was ${written.isNew ? "created" : "changed"} in revision ${written.revision}`;
  return (
    <Alert
      variant={failed ? "danger" : isDone ? "success" : "info"}
      isInline
      isLiveRegion
      title={what}
      actionClose={<AlertActionCloseButton aria-label="Close what became of the change" onClose={close} />}
    >
      {realization ? <Hosts realization={realization} /> : <p>Asking how far the hosts are…</p>}
      {failed && (
        <p>
          {failed.host}: <strong>{failed.reason}</strong> <Message text={failed.message} />
        </p>
      )}
    </Alert>
  );
}

function Hosts({ realization: { hosts } }: { realization: Realization }) {
  if (hosts.total === 0) return <p>No host needs it at present.</p>;
  const waiting = hosts.pending[0];
  return (
    <>
      <Progress
        aria-label="Hosts that have it"
        value={hosts.ok}
        max={hosts.total}
        label={`${hosts.ok} of ${hosts.total} hosts have it`}
        valueText={`${hosts.ok} of ${hosts.total} hosts have it`}
        size="sm"
      />
      {waiting && hosts.failed_count === 0 && (
        <p className="muted">
          {hosts.pending_count === 1 ? waiting.host : `${waiting.host} and ${hosts.pending_count - 1} more`}:{" "}
          <Message text={waiting.message} />
        </p>
      )}
    </>
  );
}
