/** What was chosen in a list, also on pages of it that are not shown now. */

import { useState } from "react";
import type { StoredObject } from "../api/objects";
import type { Selection } from "../chrome/server-table";

export interface Chosen {
  objects: StoredObject[];
  selection: Selection<StoredObject>;
  clear: () => void;
}

export function useChosen(): Chosen {
  const [chosen, setChosen] = useState<ReadonlyMap<string, StoredObject>>(new Map());
  return {
    objects: [...chosen.values()],
    clear: () => setChosen(new Map()),
    selection: {
      isChosen: ({ metadata }) => chosen.has(metadata.uid),
      nameOf: ({ metadata }) => metadata.name,
      choose: (items, isChosen) =>
        setChosen((before) => {
          const after = new Map(before);
          for (const item of items)
            if (isChosen) after.set(item.metadata.uid, item);
            else after.delete(item.metadata.uid);
          return after;
        }),
    },
  };
}
