/** Why the API did not write it, and how it can be had all the same. */

import { Checkbox } from "@patternfly/react-core";
import { ApiError } from "../api/client";
import { Refusal as Refused } from "../status/refusal";

interface Props {
  error: Error;
  force: boolean;
  setForced: (force: boolean) => void;
}

export function Refusal({ error, force, setForced }: Props) {
  const mayForce = error instanceof ApiError && error.errors.some(({ fix }) => fix.includes("force"));
  return (
    <Refused error={error} isOfFields>
      {mayForce && (
        <Checkbox
          id="edit-force"
          label="Do it all the same: it goes on trial, and is undone where the controller is not reached with it"
          isChecked={force}
          onChange={(_, wanted) => setForced(wanted)}
        />
      )}
    </Refused>
  );
}
