/** What is done about a draft whose object somebody else changed or deleted meanwhile. */

import { ApiError } from "../api/client";
import { useObject, type StoredObject } from "../api/objects";
import { QueryState } from "../chrome/query-state";
import type { KindInfo } from "../kinds/kinds";
import { Conflict } from "./conflict";
import { draftOf, type Draft } from "./drafts";
import { Lost } from "./lost";

interface Props {
  info: KindInfo;
  base: Draft;
  mine: Draft;
  /** Of which refused write: theirs is read anew for each, as what was read before may be what the
   * draft began with. */
  attempt: number;
  onSettled: (draft: Draft, theirs: StoredObject) => void;
  makeNew: () => void;
}

export function StaleDraft({ info, base, mine, attempt, onSettled, makeNew }: Props) {
  const project = info.ofProjects ? mine.project : undefined;
  const theirs = useObject<StoredObject>({ kind: info.kind, name: mine.name, project }, `theirs ${attempt}`);
  if (theirs.error instanceof ApiError && theirs.error.status === 404)
    return <Lost info={info} error={theirs.error} makeNew={makeNew} />;
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
