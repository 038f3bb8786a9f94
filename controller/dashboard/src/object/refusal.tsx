/** Why the API did not do what a person asked for, and the way out. */

import { Alert } from "@patternfly/react-core";
import { ApiError } from "../api/client";
import { Message } from "../status/message";

export function Refusal({ error }: { error: Error }) {
  const errors = error instanceof ApiError ? error.errors : [];
  const isStale = error instanceof ApiError && error.status === 412;
  const title = isStale ? "Somebody changed it meanwhile, and nothing was done. Look at it again first." : error.message;
  return (
    <Alert variant="danger" isInline title={<Message text={title} />}>
      {errors.map(({ code, detail, fix, pointer }) => (
        <p key={`${code} ${pointer} ${detail}`}>
          <Message text={`${detail}${fix ? `: ${fix}` : ""}`} />
        </p>
      ))}
    </Alert>
  );
}
