/** What others changed on the host, and what became of that. */

import { Card, CardBody } from "@patternfly/react-core";
import { useHostDrift } from "../api/host-queries";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import type { DriftEvent } from "../object/parts";
import { THEN, WHEN, WHO } from "../status/drift-columns";
import { Affected } from "./affected";
import { Differences } from "./differences";
import type { HostTabProps } from "./tabs";

const COLUMNS: ServerColumn<DriftEvent>[] = [
  WHEN,
  { title: "What", className: "object-cell", cell: (event) => <Affected {...event} /> },
  WHO,
  {
    title: "Change",
    cell: ({ differences }) => <Differences differences={differences} />,
    className: "reason-cell",
  },
  THEN,
];

export function DriftTab({ host }: HostTabProps) {
  const { get } = useUrlState();
  const query = useHostDrift(host.metadata.name, get("page"));
  return (
    <Card component="section" aria-label="Drift">
      <CardBody>
        <ServerTable
          label="Changes by others"
          query={query}
          columns={COLUMNS}
          keyOf={({ at, resource }) => `${at} ${resource}`}
          empty={<p className="muted">Nobody else has changed anything of the fleet on this host, as far as is remembered.</p>}
        />
      </CardBody>
    </Card>
  );
}
