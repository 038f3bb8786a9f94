/** What others changed on the host, and what became of that. */

import { Card, CardBody } from "@patternfly/react-core";
import { useHostDrift } from "../api/host-queries";
import { Moment } from "../chrome/moment";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import type { DriftEvent } from "../object/parts";
import { Affected } from "./affected";
import { Differences } from "./differences";
import type { HostTabProps } from "./tabs";

const ACTIONS = {
  enforced: "brought back",
  reported: "left, as its drift policy says",
  gave_up: "left, after it was brought back in vain",
} as const;

const COLUMNS: ServerColumn<DriftEvent>[] = [
  { title: "When", cell: ({ at }) => <Moment at={at} /> },
  { title: "What", cell: (event) => <Affected {...event} /> },
  {
    title: "Who",
    cell: ({ who }) => (who ? <code>{who}</code> : <span className="muted">not known</span>),
    className: "reason-cell",
  },
  {
    title: "Change",
    cell: ({ differences }) => <Differences differences={differences} />,
    className: "reason-cell",
  },
  { title: "Then", cell: ({ action }) => ACTIONS[action] },
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
