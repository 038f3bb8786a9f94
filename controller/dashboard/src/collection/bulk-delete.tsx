/** Deletes what was chosen, all of it or nothing, once a person has seen what that is. */

import { Alert } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { document } from "../api/client";
import { OBJECTS, type StoredObject } from "../api/objects";
import { ConfirmDialog } from "../chrome/confirm-dialog";
import { seenBy, type ChangeResult } from "../edit/apply-queries";
import { DEFAULT_PROJECT, type KindInfo } from "../kinds/kinds";
import { useSession } from "../session/session";
import { Message } from "../status/message";
import { deleteCommand } from "./commands";

interface Props {
  info: KindInfo;
  chosen: StoredObject[];
  close: () => void;
  done: () => void;
}

export function BulkDelete({ info, chosen, close, done }: Props) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  const body = {
    objects: chosen.map(({ kind, metadata: { name, project } }) => ({ kind, metadata: { name, project } })),
    confirm_count: chosen.length,
  };
  const send = async (query: { dry_run?: true; seen_revision?: number }, signal?: AbortSignal) =>
    document(await api.POST("/v1/delete", { params: { query }, body: body as never, signal: signal ?? null }));
  const rehearsal = useQuery({
    queryKey: ["deletion", body],
    gcTime: 0,
    retry: false,
    refetchInterval: false,
    queryFn: ({ signal }) => send({ dry_run: true }, signal),
  });
  const found = rehearsal.data;
  const uids = new Set(found?.results.map(({ uid }) => uid));
  const strangers = found ? chosen.filter(({ metadata }) => !uids.has(metadata.uid)) : [];
  const deletion = useMutation({
    mutationFn: (looked: ChangeResult) => send({ seen_revision: seenBy(looked) }),
    onSuccess: async () => {
      done();
      await queryClient.invalidateQueries({ queryKey: [OBJECTS] });
    },
  });
  const words = `${chosen.length} ${chosen.length === 1 ? info.noun : info.plural}`;
  return (
    <ConfirmDialog
      title={`Delete ${words}?`}
      verb={`Delete ${words}`}
      isDanger
      mustType={String(chosen.length)}
      isReady={found !== undefined && strangers.length === 0}
      operation={{
        mutate: () => found && deletion.mutate(found),
        isPending: deletion.isPending,
        error: deletion.error ?? rehearsal.error,
      }}
      close={close}
      cli={deleteCommand(info, chosen.map(({ metadata }) => metadata))}
      request={{ method: "POST", path: "/v1/delete", body }}
    >
      <p>{consequence(info)} All of them are deleted, or none.</p>
      <ul className="bulk-names" aria-label="What is deleted" tabIndex={0}>
        {chosen.map(({ metadata: { uid, name, project } }) => (
          <li key={uid}>
            {name}
            {info.ofProjects && project !== DEFAULT_PROJECT && <span className="muted"> in project {project}</span>}
          </li>
        ))}
      </ul>
      {rehearsal.isPending && (
        <p role="status" className="muted">
          Asking the controller whether they may go …
        </p>
      )}
      {strangers.length > 0 && (
        <Alert variant="danger" isInline title="Not what was chosen any more">
          {strangers.map(({ metadata }) => metadata.name).join(", ")}: deleted or made anew since. Close this and choose
          again.
        </Alert>
      )}
      {found?.warnings.map(({ code, detail, fix, pointer }) => (
        <Alert key={`${code} ${pointer}`} variant="warning" isInline title={<Message text={detail} />}>
          <Message text={fix} />
        </Alert>
      ))}
    </ConfirmDialog>
  );
}

function consequence({ kind }: KindInfo): string {
  if (kind === "Host") return "What the fleet made on these hosts stays on them; they are no longer managed.";
  return "They are taken off their hosts at once, and what uses them loses them.";
}
