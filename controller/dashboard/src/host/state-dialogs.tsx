/** Changes of a host's state: maintenance and back, and the way out of the fleet. */

import { Checkbox } from "@patternfly/react-core";
import { useState } from "react";
import { document } from "../api/client";
import type { Host } from "../api/documents";
import { usePage } from "../api/objects";
import { ConfirmDialog } from "../chrome/confirm-dialog";
import { shellWord } from "../copy/shell";
import { useHostOperation, type DialogProps } from "./operations";
import { pathOfHost } from "./requests";

interface Props extends DialogProps {
  host: Host;
  state: "active" | "maintenance";
}

const MERGE_PATCH = { "Content-Type": "application/merge-patch+json" };

const STATES = {
  maintenance: {
    title: (name: string) => `Put ${name} into maintenance?`,
    verb: "Put into maintenance",
    says:
      "The host keeps forwarding with what it has and is sent no change until you take it out again. Other hosts go on; what they change meanwhile reaches this one at the end.",
    done: (name: string) => `${name} is in maintenance: it is sent no change.`,
  },
  active: {
    title: (name: string) => `Make ${name} active?`,
    verb: "Make active",
    says: "The host is sent everything that was changed meanwhile, and follows the fleet from then on.",
    done: (name: string) => `${name} is active: it is sent what was changed meanwhile.`,
  },
} as const;

export function StateDialog({ host, state, close, done }: Props) {
  // Of the host that a person has seen: what somebody else writes meanwhile is not answered for.
  const [{ name, revision }] = useState(host.metadata);
  const words = STATES[state];
  const body = { spec: { state } };
  const headers = { "If-Match": `"${revision}"` };
  const operation = useHostOperation(
    name,
    async (api) => {
      const params = { path: { name_or_uid: name }, header: { "if-match": `"${revision}"` } };
      const written = document(
        await api.PATCH("/v1/hosts/{name_or_uid}", { params, body: body as never, headers: MERGE_PATCH }),
      );
      return { title: words.done(name), warnings: written.warnings };
    },
    done,
  );
  return (
    <ConfirmDialog
      title={words.title(name)}
      verb={words.verb}
      operation={operation}
      close={close}
      request={{ method: "PATCH", path: pathOfHost(name), body, headers: { ...headers, ...MERGE_PATCH } }}
    >
      <p>{words.says}</p>
    </ConfirmDialog>
  );
}

export function DecommissionDialog({ host, close, done }: DialogProps & { host: Host }) {
  const { name } = host.metadata;
  const [force, setForce] = useState(false);
  const operation = useHostOperation(
    name,
    async (api) => {
      const params = { path: { name_or_uid: name } };
      const written = document(
        await api.POST("/v1/hosts/{name_or_uid}/decommission", { params, body: { force } }),
      );
      return { title: `${name} is leaving the fleet: the controller removes it when nothing is left on it.`, warnings: written.warnings };
    },
    done,
  );
  return (
    <ConfirmDialog
      title={`Decommission ${name}?`}
      verb="Decommission"
      isDanger
      mustType={name}
      operation={operation}
      close={close}
      cli={`ovsfleet decommission ${shellWord(name)}${force ? " --force" : ""}`}
      request={{ method: "POST", path: `${pathOfHost(name)}/decommission`, body: { force } }}
    >
      <p>
        Nothing new may be put on the host. When nothing is left there and nobody has a tunnel to it, the
        controller removes it: its certificates and join tokens end, and its VTEP is free. Until then it can be
        made active again.
      </p>
      <Left host={name} />
      <Checkbox
        id="decommission-force"
        label="Its machine is dead: do not wait for its word"
        description="Refused while the host is heard. What the machine forwards, if it runs after all, nobody watches."
        isChecked={force}
        onChange={(_, checked) => setForce(checked)}
      />
    </ConfirmDialog>
  );
}

const SHOWN = 5;

/** What has to leave first, by the first few of it. */
function Left({ host }: { host: string }) {
  const ports = usePage("ports", { host, page_size: SHOWN }).data;
  const bridges = usePage("bridges", { host, page_size: SHOWN }).data;
  if (!ports || !bridges) return <p className="muted">Looking what is still on it …</p>;
  const left = [...bridges.items, ...ports.items];
  if (left.length === 0) return <p>No port and no bridge is on it.</p>;
  const isMore = Boolean(ports.next_page_token || bridges.next_page_token);
  return (
    <>
      <p>Still on it, to be moved or deleted first:</p>
      <ul className="plain-list">
        {left.map(({ kind, metadata }) => (
          <li key={metadata.uid}>
            <span className="muted">{kind}</span> {metadata.name}
          </li>
        ))}
        {isMore && <li className="muted">and more</li>}
      </ul>
    </>
  );
}
