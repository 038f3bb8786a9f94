/** Deletes an object once a person has seen what goes with it. */

import { Button, FormGroup, Modal, ModalBody, ModalFooter } from "@patternfly/react-core";
import { ModalHeader, TextInput } from "@patternfly/react-core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useLocation } from "wouter";
import { OBJECTS, parametersOf, pathTo, useRealization, type StoredObject } from "../api/objects";
import { CopyAs } from "../copy/copy-as";
import { DEFAULT_PROJECT, type KindInfo } from "../kinds/kinds";
import { useSession } from "../session/session";
import { Refusal } from "./refusal";

interface Props {
  info: KindInfo;
  object: StoredObject;
  close: () => void;
}

export function DeleteDialog({ info, object, close }: Props) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  const [, navigate] = useLocation();
  const [typed, setTyped] = useState("");
  const { name, project, revision } = object.metadata;
  const ref = { kind: info.kind, name, project: info.ofProjects ? project : undefined };
  const hosts = useRealization(ref).data?.hosts.total ?? 0;
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
    <Modal isOpen onClose={close} variant="small" aria-labelledby="delete-title">
      <ModalHeader title={`Delete ${info.noun} ${name}?`} labelId="delete-title" titleIconVariant="danger" />
      <ModalBody>
        <p>{consequence(info, hosts)}</p>
        <FormGroup label={`Type ${name} to go on`} fieldId="delete-name">
          <TextInput id="delete-name" value={typed} autoComplete="off" onChange={(_, text) => setTyped(text)} />
        </FormGroup>
        {deletion.error && <Refusal error={deletion.error} />}
      </ModalBody>
      <ModalFooter>
        <Button
          variant="danger"
          isDisabled={typed !== name || deletion.isPending}
          isLoading={deletion.isPending}
          onClick={() => deletion.mutate()}
        >
          Delete
        </Button>
        <Button variant="link" onClick={close}>
          Cancel
        </Button>
        <CopyAs
          cli={`ovsfleet delete ${info.noun.replaceAll(" ", "-").toLowerCase()} ${name}`}
          request={{
            method: "DELETE",
            path: `/v1/${info.collection}/${encodeURIComponent(name)}${query}`,
            headers: { "If-Match": `"${revision}"` },
          }}
        />
      </ModalFooter>
    </Modal>
  );
}

function consequence({ noun, kind }: KindInfo, hosts: number): string {
  if (kind === "Host") return "What the fleet made on this host stays on it; the host is no longer managed.";
  if (hosts === 0) return `No host has anything of this ${noun}.`;
  return `It is taken off ${hosts} ${hosts === 1 ? "host" : "hosts"} at once. What uses it loses it.`;
}
