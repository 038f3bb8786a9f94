/** Lets another machine take the host's place: makes a token and shows the command to run there. */

import { Alert, ClipboardCopy } from "@patternfly/react-core";
import { Button, Modal, ModalBody, ModalFooter, ModalHeader } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { document } from "../api/client";
import type { components } from "../api/schema";
import { Moment } from "../chrome/moment";
import { CopyAs } from "../copy/copy-as";
import { shellWord } from "../copy/shell";
import { useSession } from "../session/session";
import { Message } from "../status/message";
import { Refusal } from "../status/refusal";
import { pathOfHost } from "./requests";

type Replacement = components["schemas"]["ReplacementDocument"];

const LIFE_S = 3600;

export function ReplaceDialog({ name, close }: { name: string; close: () => void }) {
  const { api } = useSession();
  const replacement = useMutation({
    // A secret: nothing of it stays in the cache once the dialog is gone.
    gcTime: 0,
    mutationFn: async () => {
      const params = { path: { name_or_uid: name } };
      return document(
        await api.POST("/v1/hosts/{name_or_uid}/replace", { params, body: { ttl_seconds: LIFE_S } }),
      );
    },
  });
  const made = replacement.data;
  return (
    <Modal isOpen onClose={close} variant="medium" aria-labelledby="replace-title">
      <ModalHeader title={`Replace the machine of ${name}?`} labelId="replace-title" titleIconVariant="warning" />
      <ModalBody className="confirm-body" tabIndex={0}>
        {made ? <Command made={made} /> : <Consequences />}
        {replacement.error && <Refusal error={replacement.error} />}
      </ModalBody>
      <ModalFooter>
        {!made && (
          <Button variant="primary" isLoading={replacement.isPending} isDisabled={replacement.isPending} onClick={() => replacement.mutate()}>
            Make the command
          </Button>
        )}
        <Button variant={made ? "primary" : "link"} onClick={close}>
          {made ? "Close" : "Cancel"}
        </Button>
        <CopyAs
          cli={`ovsfleet replace ${shellWord(name)}`}
          request={{ method: "POST", path: `${pathOfHost(name)}/replace`, body: { ttl_seconds: LIFE_S } }}
        />
      </ModalFooter>
    </Modal>
  );
}

function Consequences() {
  return (
    <>
      <p>
        You get a command to run on the new machine within an hour. When it is run, the new machine has the name,
        the VTEPs and the ports of this host, and is sent everything; other hosts notice nothing.
      </p>
      <p>
        The machine of now is cut off from the controller at that moment and keeps forwarding: turn it off first,
        or run <code>ovsfleet-agent purge</code> there. A command that is never run changes nothing.
      </p>
    </>
  );
}

function Command({ made }: { made: Replacement }) {
  return (
    <>
      <p>
        Run this on the new machine, once, before <Moment at={made.expires_at} />. It is shown only here.
      </p>
      <ClipboardCopy isReadOnly isCode hoverTip="Copy" clickTip="Copied" variant="expansion" isExpanded textAriaLabel="Command for the new machine">
        {made.command}
      </ClipboardCopy>
      {made.warnings.map(({ code, detail, fix }) => (
        <Alert key={code} variant="warning" isInline title={<Message text={detail} />}>
          <Message text={fix} />
        </Alert>
      ))}
    </>
  );
}
