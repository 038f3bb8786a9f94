/** What a person can have done to a host, and what came of it. */

import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { Api } from "../api/client";
import type { ChangeWarning } from "../api/documents";
import { OBJECTS } from "../api/objects";
import { HOST } from "../api/queries";
import { useSession } from "../session/session";

/** What is told once it is done. */
export interface Notice {
  title: string;
  warnings: readonly ChangeWarning[];
}

export interface DialogProps {
  close: () => void;
  done: (notice: Notice) => void;
}

/** Runs `send`, tells of it and has everything about the host read again. */
export function useHostOperation(
  host: string,
  send: (api: Api) => Promise<Notice>,
  done: (notice: Notice) => void,
) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  return useMutation<Notice, Error>({
    mutationFn: () => send(api),
    onSuccess: async (notice) => {
      done(notice);
      await Promise.all([
        queryClient.invalidateQueries({ queryKey: [OBJECTS] }),
        queryClient.invalidateQueries({ queryKey: [HOST, host] }),
      ]);
    },
  });
}
