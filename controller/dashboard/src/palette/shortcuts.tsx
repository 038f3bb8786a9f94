/** Which keys do what, wherever one is. */

import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import { SHORTCUTS } from "./keys";
import "./palette.css";

export default function Shortcuts({ close }: { close: () => void }) {
  return (
    <Modal isOpen onClose={close} variant="small" aria-labelledby="shortcuts-title">
      <ModalHeader title="Keyboard shortcuts" labelId="shortcuts-title" />
      <ModalBody>
        <dl className="shortcuts">
          {SHORTCUTS.map(([keys, words]) => [
            <dt key={keys}>
              <kbd className="mono">{keys}</kbd>
            </dt>,
            <dd key={words}>{words}</dd>,
          ])}
        </dl>
      </ModalBody>
    </Modal>
  );
}
