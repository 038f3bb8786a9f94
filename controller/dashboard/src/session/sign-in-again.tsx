/** Asks for another token over the page, where leaving it would lose what is written there. */

import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { TokenForm } from "./token-form";

interface Props {
  /** Why the token is refused. */
  reason: string;
  onSignIn: (token: string) => void;
  leave: () => void;
}

export function SignInAgain({ reason, onSignIn, leave }: Props) {
  return (
    <Modal isOpen variant="small" aria-labelledby="again-title">
      <ModalHeader
        title="Sign in again"
        labelId="again-title"
        description="What you have written is still here, and not saved yet."
      />
      <ModalBody>
        <TokenForm notice={reason} onSignIn={onSignIn} />
      </ModalBody>
      <ModalFooter>
        <Button variant="link" isDanger onClick={leave}>
          Sign out and lose what is written
        </Button>
      </ModalFooter>
    </Modal>
  );
}
