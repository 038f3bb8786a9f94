/** Lets an intended object take over what is on the host under its name. */

import { Checkbox } from "@patternfly/react-core";
import { useState } from "react";
import { document } from "../api/client";
import type { Failure } from "../api/documents";
import { ConfirmDialog } from "../chrome/confirm-dialog";
import { shellWord } from "../copy/shell";
import { DEFAULT_PROJECT } from "../kinds/kinds";
import { Message } from "../status/message";
import { nameOf } from "./held";
import { useHostOperation, type DialogProps } from "./operations";
import { pathOfHost } from "./requests";

export function AdoptDialog({ host, failure, close, done }: DialogProps & { host: string; failure: Failure }) {
  const [accept, setAccept] = useState(false);
  const { object, resource } = failure;
  const body = { resources: [resource], accept_differences: accept };
  const operation = useHostOperation(
    host,
    async (api) => {
      const params = { path: { name_or_uid: host } };
      const { revision, warnings } = document(await api.POST("/v1/hosts/{name_or_uid}/adopt", { params, body }));
      return { title: `${nameOf(failure)} may take over what is there: fleet revision ${revision}.`, warnings };
    },
    done,
  );
  const cli = object && commandOf(object, host, accept);
  return (
    <ConfirmDialog
      title={`Let ${nameOf(failure)} take over what is there?`}
      verb="Adopt"
      isDanger={accept}
      operation={operation}
      close={close}
      {...(cli && { cli })}
      request={{ method: "POST", path: `${pathOfHost(host)}/adopt`, body }}
    >
      <p>
        <span className="reason">{failure.reason}</span> <Message text={failure.message} />
      </p>
      <p>
        If it is already as intended, it gets the fleet’s mark and nothing else: no packet is lost. If anything
        differs, nothing is changed and the failure AdoptionDiffers lists what would be. From then on it is kept, and
        deleted, as the fleet’s.
      </p>
      <Checkbox
        id="accept-differences"
        label="Accept differences"
        description="Also where what is there differs from intent: it gets the mark and is changed right afterwards, which those who use it may notice."
        isChecked={accept}
        onChange={(_, checked) => setAccept(checked)}
      />
    </ConfirmDialog>
  );
}

function commandOf({ kind, name, project }: NonNullable<Failure["object"]>, host: string, accept: boolean): string {
  const within = project === DEFAULT_PROJECT ? [] : ["--project", shellWord(project)];
  const words = ["ovsfleet adopt", kind.toLowerCase(), shellWord(name), ...within, "--host", shellWord(host)];
  return [...words, ...(accept ? ["--accept-differences"] : [])].join(" ");
}
