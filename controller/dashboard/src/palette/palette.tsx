/** Goes anywhere by typing: pages, and every object of the fleet. */

import { Modal, ModalBody, ModalHeader } from "@patternfly/react-core";

export default function Palette({ close }: { close: () => void }) {
  return (
    <Modal isOpen onClose={close} variant="medium" aria-label="Search">
      <ModalHeader title="Search" />
      <ModalBody />
    </Modal>
  );
}
