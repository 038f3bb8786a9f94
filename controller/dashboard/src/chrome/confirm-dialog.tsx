/** Asks before something is done, and says what it does. */

import { Button, FormGroup, Modal, ModalBody, ModalFooter, ModalHeader, TextInput } from "@patternfly/react-core";
import { useState, type ReactNode } from "react";
import { CopyAs, type Request } from "../copy/copy-as";
import { Refusal } from "../status/refusal";
import "./chrome.css";

interface Props {
  title: string;
  /** On the button that does it. */
  verb: string;
  isDanger?: boolean;
  /** What has to be typed before it is done. */
  mustType?: string;
  /** Whether there is anything to do. */
  isReady?: boolean;
  operation: Operation;
  close: () => void;
  cli?: string | undefined;
  request: Request;
  children: ReactNode;
}

export interface Operation {
  mutate: () => void;
  isPending: boolean;
  error: Error | null;
}

/** So many faults are told of what was refused. */
const FAULTS = 20;

export function ConfirmDialog(props: Props) {
  const { title, verb, isDanger = false, mustType, isReady = true, operation, close, cli, request, children } = props;
  const [typed, setTyped] = useState("");
  const isConfirmed = mustType === undefined || typed.trim() === mustType;
  return (
    <Modal isOpen onClose={close} variant="medium" aria-labelledby="confirm-title">
      <ModalHeader title={title} labelId="confirm-title" titleIconVariant={isDanger ? "warning" : undefined} />
      <ModalBody className="confirm-body" tabIndex={0}>
        {children}
        {mustType !== undefined && (
          <FormGroup label={`Type ${mustType} to go on`} fieldId="confirm-name">
            <TextInput id="confirm-name" value={typed} autoComplete="off" onChange={(_, text) => setTyped(text)} />
          </FormGroup>
        )}
        {operation.error && <Refusal error={operation.error} most={FAULTS} />}
      </ModalBody>
      <ModalFooter>
        <Button
          variant={isDanger ? "danger" : "primary"}
          isDisabled={!isReady || !isConfirmed || operation.isPending}
          isLoading={operation.isPending}
          onClick={() => operation.mutate()}
        >
          {verb}
        </Button>
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
        <CopyAs request={request} {...(cli !== undefined && { cli })} />
      </ModalFooter>
    </Modal>
  );
}
