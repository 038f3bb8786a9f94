/** Which keys do what, wherever one is. */

import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core";
import "./palette.css";

const SHORTCUTS = [
  ["Ctrl K or /", "Search pages, actions and objects"],
  ["?", "Show these shortcuts"],
  ["↑ ↓", "Choose among what was found"],
  ["Enter", "Open what is chosen"],
  ["Escape", "Close a dialog"],
] as const;

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
