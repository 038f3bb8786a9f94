/** Why the API did not do what a person asked for, and the way out. */

import { Alert } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { ApiError } from "../api/client";
import { Message } from "./message";

interface Props {
  error: Error;
  /** Whether to say which field each fault is of. */
  isOfFields?: boolean;
  /** So many faults at the most. */
  most?: number;
  /** What can be done about it here. */
  children?: ReactNode;
}

export function Refusal({ error, isOfFields = false, most = Infinity, children }: Props) {
  const errors = error instanceof ApiError ? error.errors : [];
  const isStale = error instanceof ApiError && error.status === 412;
  const title = isStale ? "Somebody changed it meanwhile, and nothing was done. Look at it again first." : error.message;
  return (
    <Alert variant="danger" isInline isLiveRegion title={<Message text={title} />}>
      {errors.slice(0, most).map(({ code, detail, fix, pointer }) => (
        <p key={`${code} ${pointer} ${detail}`}>
          {isOfFields && pointer && <span className="mono">{pointer} </span>}
          <Message text={fix ? `${detail}: ${fix}` : detail} />
        </p>
      ))}
      {children}
    </Alert>
  );
}
