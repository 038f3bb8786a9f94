/** Deletes what was chosen, all of it or nothing, once a person has seen what that is. */

import { Alert, Button, FormGroup, Modal, ModalBody, ModalFooter } from "@patternfly/react-core";
import { ModalHeader, TextInput } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, document } from "../api/client";
import { OBJECTS, type StoredObject } from "../api/objects";
import { CopyAs } from "../copy/copy-as";
import { DEFAULT_PROJECT, type KindInfo } from "../kinds/kinds";
import { useSession } from "../session/session";
import { Message } from "../status/message";
import { shellWord } from "./commands";

const NAMED = 20;

interface Props {
  info: KindInfo;
  chosen: StoredObject[];
  close: () => void;
  done: () => void;
}

export function BulkDelete({ info, chosen, close, done }: Props) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  const [typed, setTyped] = useState("");
  const body = {
    objects: chosen.map(({ kind, metadata: { name, project } }) => ({ kind, metadata: { name, project } })),
    confirm_count: chosen.length,
  };
  const send = async (dry_run: boolean, signal?: AbortSignal) =>
    document(await api.POST("/v1/delete", { body: { ...body, dry_run } as never, signal: signal ?? null }));
  const rehearsal = useQuery({
    queryKey: ["deletion", body],
    gcTime: 0,
    retry: false,
    refetchInterval: false,
    queryFn: ({ signal }) => send(true, signal),
  });
  const deletion = useMutation({
    mutationFn: () => send(false),
    onSuccess: async () => {
      done();
      await queryClient.invalidateQueries({ queryKey: [OBJECTS] });
    },
  });
  const error = deletion.error ?? rehearsal.error;
  const words = `${chosen.length} ${chosen.length === 1 ? info.noun : info.plural}`;
  return (
    <Modal isOpen onClose={close} variant="small" aria-labelledby="bulk-title">
      <ModalHeader title={`Delete ${words}?`} labelId="bulk-title" titleIconVariant="danger" />
      <ModalBody>
        <p>{consequence(info)} All of them are deleted, or none.</p>
        <ul className="bulk-names" aria-label="What is deleted">
          {chosen.slice(0, NAMED).map(({ metadata: { uid, name, project } }) => (
            <li key={uid}>
              {name}
              {info.ofProjects && project !== DEFAULT_PROJECT && <span className="muted"> in project {project}</span>}
            </li>
          ))}
          {chosen.length > NAMED && <li className="muted">and {chosen.length - NAMED} more</li>}
        </ul>
        {rehearsal.isPending && (
          <p role="status" className="muted">
            Asking the controller whether they may go …
          </p>
        )}
        {rehearsal.data?.warnings.map(({ code, detail, fix, pointer }) => (
          <Alert key={`${code} ${pointer}`} variant="warning" isInline title={<Message text={detail} />}>
            <Message text={fix} />
          </Alert>
        ))}
        {error && <Refusal error={error} />}
        <FormGroup label={`Type ${chosen.length} to go on`} fieldId="bulk-count">
          <TextInput
            id="bulk-count"
            inputMode="numeric"
            autoComplete="off"
            value={typed}
            onChange={(_, text) => setTyped(text)}
          />
        </FormGroup>
      </ModalBody>
      <ModalFooter>
        <Button
          variant="danger"
          isDisabled={typed.trim() !== String(chosen.length) || !rehearsal.data || deletion.isPending}
          isLoading={deletion.isPending}
          onClick={() => deletion.mutate()}
        >
          Delete {words}
        </Button>
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
        <CopyAs cli={deleteCommand(info, chosen)} request={{ method: "POST", path: "/v1/delete", body }} />
      </ModalFooter>
    </Modal>
  );
}

function consequence({ kind }: KindInfo): string {
  if (kind === "Host") return "What the fleet made on these hosts stays on them; they are no longer managed.";
  return "They are taken off their hosts at once, and what uses them loses them.";
}

/** One command is of one project. */
function deleteCommand(info: KindInfo, chosen: StoredObject[]): string | undefined {
  const projects = new Set(chosen.map(({ metadata }) => metadata.project));
  if (info.ofProjects && projects.size > 1) return undefined;
  const [project = DEFAULT_PROJECT] = projects;
  const names = chosen.map(({ metadata }) => shellWord(metadata.name));
  const within = info.ofProjects && project !== DEFAULT_PROJECT ? [`--project ${shellWord(project)}`] : [];
  return ["ovsfleet delete", info.collection, ...names, ...within, `--confirm-count ${chosen.length}`].join(" ");
}

function Refusal({ error }: { error: Error }) {
  const errors = error instanceof ApiError ? error.errors : [];
  return (
    <Alert variant="danger" isInline title={<Message text={error.message} />}>
      {errors.slice(0, NAMED).map(({ code, detail, fix, pointer }) => (
        <p key={`${code} ${pointer} ${detail}`}>
          <Message text={[detail, fix].filter(Boolean).join(": ")} />
        </p>
      ))}
    </Alert>
  );
}
