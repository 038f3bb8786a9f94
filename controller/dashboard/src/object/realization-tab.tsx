/** Which of the hosts that need the object have it, and what keeps the others. */

import { useRealization } from "../api/objects";
import { QueryState } from "../chrome/query-state";
import type { TabProps } from "./tabs";

export function RealizationTab({ objectRef }: TabProps) {
  const query = useRealization(objectRef);
  return (
    <QueryState title="Hosts" query={query}>
      {({ state, hosts }) => (
        <p>
          {state}: {hosts.ok} of {hosts.total} hosts
        </p>
      )}
    </QueryState>
  );
}
