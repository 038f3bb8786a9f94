/** Why the API did not write it, and what can be done. */

import { Alert, Checkbox } from "@patternfly/react-core";
import { ApiError } from "../api/client";
import { Message } from "../status/message";

interface Props {
  error: Error;
  force: boolean;
  setForced: (force: boolean) => void;
}

export function Refusal({ error, force, setForced }: Props) {
  const errors = error instanceof ApiError ? error.errors : [];
  const mayForce = errors.some(({ fix }) => fix.includes("force"));
  return (
    <Alert variant="danger" isInline isLiveRegion title={<Message text={error.message} />}>
      {errors.map(({ code, detail, fix, pointer }) => (
        <p key={`${code} ${pointer} ${detail}`}>
          {pointer && <span className="mono">{pointer} </span>}
          <Message text={fix ? `${detail}: ${fix}` : detail} />
        </p>
      ))}
      {mayForce && (
        <Checkbox
          id="edit-force"
          label="Do it all the same: it goes on trial, and is undone where the controller is not reached with it"
          isChecked={force}
          onChange={(_, wanted) => setForced(wanted)}
        />
      )}
    </Alert>
  );
}
