/** Deletes an object once a person has seen what goes with it. */

import { Alert } from "@patternfly/react-core";
import { useMutation, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import type { Realization } from "../api/documents";
import { OBJECTS, parametersOf, pathTo, useRealization, type StoredObject } from "../api/objects";
import { ConfirmDialog } from "../chrome/confirm-dialog";
import { deleteCommand } from "../collection/commands";
import { DEFAULT_PROJECT, type KindInfo } from "../kinds/kinds";
import { useSession } from "../session/session";

interface Props {
  info: KindInfo;
  object: StoredObject;
  close: () => void;
}

export function DeleteDialog({ info, object, close }: Props) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  const [, navigate] = useLocation();
  // What a person has seen: what somebody else writes meanwhile is not deleted unseen.
  const [{ name, project, revision }] = useState(object.metadata);
  const isMoved = object.metadata.revision !== revision;
  const ref = { kind: info.kind, name, project: info.ofProjects ? project : undefined };
  const realization = useRealization(ref);
  const isKnown = info.kind === "Host" || !realization.isPending;
  const deletion = useMutation({
    mutationFn: async () => {
      const path = `${pathTo(info.collection)}/{name_or_uid}` as const;
      const header = { "if-match": `"${revision}"` };
      await api.DELETE(path, { params: { ...parametersOf(ref), header } });
    },
    onSuccess: async () => {
      navigate(`/${info.collection}`);
      await queryClient.invalidateQueries({ queryKey: [OBJECTS] });
    },
  });
  const query = info.ofProjects && project !== DEFAULT_PROJECT ? `?project=${encodeURIComponent(project)}` : "";
  return (
    <ConfirmDialog
      title={`Delete ${info.noun} ${name}?`}
      verb="Delete"
      isDanger
      mustType={name}
      isReady={isKnown && !isMoved}
      operation={deletion}
      close={close}
      cli={deleteCommand(info, [{ name, project }])}
      request={{
        method: "DELETE",
        path: `/v1/${info.collection}/${encodeURIComponent(name)}${query}`,
        headers: { "If-Match": `"${revision}"` },
      }}
    >
      <p>{consequence(info, realization)}</p>
      {isMoved && (
        <Alert variant="warning" isInline isLiveRegion title={`Somebody changed ${name} in revision ${object.metadata.revision}`}>
          This asks about revision {revision}. Close it and look at {name} again first.
        </Alert>
      )}
    </ConfirmDialog>
  );
}

function consequence({ noun, kind }: KindInfo, { data, error }: UseQueryResult<Realization>): string {
  if (kind === "Host") return "What the fleet made on this host stays on it; the host is no longer managed.";
  const total = data?.hosts.total;
  if (error)
    return `It is taken off its hosts at once. What uses it loses it. It is not known which hosts have it: ${error.message}`;
  if (total === undefined) return "Asking which hosts have it …";
  if (total === 0) return `No host has anything of this ${noun}.`;
  return `It is taken off ${total} ${total === 1 ? "host" : "hosts"} at once. What uses it loses it.`;
}
