/** What is told, and can be done, when the object that is being edited cannot be read again. */

import { Alert, Button } from "@patternfly/react-core";
import { ApiError } from "../api/client";
import type { KindInfo } from "../kinds/kinds";

interface Props {
  info: KindInfo;
  /** Of the re-read; that the controller cannot be reached is the banner's to say. */
  error: Error;
  /** Goes on with the draft as one of a new object. */
  makeNew: () => void;
}

export function Lost({ info: { noun }, error, makeNew }: Props) {
  if (!(error instanceof ApiError)) return null;
  if (error.status === 403)
    return (
      <Alert variant="danger" isInline isLiveRegion className="edit-notice" title={`This token may not read the ${noun} any more`}>
        {error.message} What you have written is still here, to be copied.
      </Alert>
    );
  if (error.status !== 404) return null;
  return (
    <Alert
      variant="danger"
      isInline
      isLiveRegion
      className="edit-notice"
      title={`Somebody else deleted the ${noun} meanwhile.`}
      actionLinks={
        <Button variant="link" isInline onClick={makeNew}>
          Make a new one of it
        </Button>
      }
    >
      What you have written is still here, and nothing of it is stored.
    </Alert>
  );
}
