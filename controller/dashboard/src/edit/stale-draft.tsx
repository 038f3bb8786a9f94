/** What is done about a draft whose object somebody else changed or deleted meanwhile. */

import { Alert } from "@patternfly/react-core";
import { ApiError } from "../api/client";
import { useObject, type StoredObject } from "../api/objects";
import { QueryState } from "../chrome/query-state";
import type { KindInfo } from "../kinds/kinds";
import { Conflict } from "./conflict";
import { draftOf, type Draft } from "./drafts";

interface Props {
  info: KindInfo;
  base: Draft;
  mine: Draft;
  onSettled: (draft: Draft, theirs: StoredObject) => void;
}

export function StaleDraft({ info, base, mine, onSettled }: Props) {
  const project = info.ofProjects ? mine.project : undefined;
  const theirs = useObject<StoredObject>({ kind: info.kind, name: mine.name, project });
  if (theirs.error instanceof ApiError && theirs.error.status === 404)
    return (
      <Alert variant="danger" isInline isLiveRegion title={`Somebody else deleted the ${info.noun} meanwhile.`}>
        Nothing was written. Create it again from its YAML if it shall be there.
      </Alert>
    );
  return (
    <QueryState title="Their changes" query={theirs}>
      {(data) => (
        <Conflict
          base={base}
          mine={mine}
          theirs={draftOf(data)}
          revision={data.metadata.revision}
          onSettled={(settled) => onSettled(settled, data)}
        />
      )}
    </QueryState>
  );
}
