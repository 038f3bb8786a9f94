/** What keeps the host from following the fleet, above everything else of its page. */

import { Alert, AlertActionLink } from "@patternfly/react-core";
import { useState } from "react";
import type { Host } from "../api/documents";
import { useGrants } from "../api/host-queries";
import { useMay } from "../session/whoami";
import { Message } from "../status/message";
import type { Notice } from "./operations";
import { ReleaseDialog } from "./release-dialog";

interface Props {
  host: Host;
  tell: (notice: Notice) => void;
}

const STATES: Partial<Record<Host["spec"]["state"], string>> = {
  maintenance: "In maintenance: the host forwards with what it has and is sent no change.",
  decommissioning: "Decommissioning: nothing new may be put on the host, and the controller removes it when nothing is left there.",
  removed: "Removed: no machine may speak for this host. Delete it, or make it active and enrol it anew.",
};

export function Standing({ host, tell }: Props) {
  const told = STATES[host.spec.state];
  return (
    <>
      {told && <Alert variant="info" isInline title={told} />}
      {host.status.pinned_revision !== null && <Pinned host={host} tell={tell} />}
    </>
  );
}

function Pinned({ host, tell }: Props) {
  const { name } = host.metadata;
  const pin = useGrants(name).data?.pin;
  const mayOperate = useMay("operate");
  const [isOpen, setOpen] = useState(false);
  const undid = pin?.undone_revision ? ` since it undid revision ${pin.undone_revision}` : "";
  return (
    <Alert
      variant="warning"
      isInline
      title={`Held at revision ${host.status.pinned_revision}${undid}: no change reaches it until somebody releases it.`}
      actionLinks={mayOperate && <AlertActionLink onClick={() => setOpen(true)}>Release …</AlertActionLink>}
    >
      {pin?.reason && <Message text={`Its agent says: ${pin.reason}`} />}
      {isOpen && (
        <ReleaseDialog
          name={name}
          close={() => setOpen(false)}
          done={(notice) => {
            setOpen(false);
            tell(notice);
          }}
        />
      )}
    </Alert>
  );
}

/** What was just done, and what is to be seen to. */
export function Done({ notice, close }: { notice: Notice; close: () => void }) {
  return (
    <Alert
      variant={notice.warnings.length > 0 ? "warning" : "success"}
      isInline
      isLiveRegion
      title={notice.title}
      actionLinks={<AlertActionLink onClick={close}>Close</AlertActionLink>}
    >
      {notice.warnings.map(({ code, detail, fix }) => (
        <p key={`${code} ${detail}`}>
          <Message text={`${detail}${fix ? `: ${fix}` : ""}`} />
        </p>
      ))}
    </Alert>
  );
}
