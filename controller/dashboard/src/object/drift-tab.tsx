/** What others changed of the object on its hosts, and what became of that. */

import { Card, CardBody } from "@patternfly/react-core";
import { ServerTable, type ServerColumn } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { ObjectLink } from "../kinds/object-link";
import { THEN, WHEN, WHO } from "../status/drift-columns";
import { useObjectDrift, type DriftEvent } from "./parts";
import type { TabProps } from "./tabs";

const COLUMNS: ServerColumn<DriftEvent>[] = [
  WHEN,
  { title: "Host", cell: ({ host }) => <ObjectLink kind="Host" name={host} /> },
  WHO,
  {
    title: "What",
    className: "reason-cell",
    cell: ({ differences }) => (
      <ul className="fact-list detail">
        {differences.map(({ field, intended, found }) => (
          <li key={field}>
            <span className="mono">{field}</span> <span className="muted">{intended || "nothing"} →</span>{" "}
            {found || "nothing"}
          </li>
        ))}
      </ul>
    ),
  },
  THEN,
];

export function DriftTab({ objectRef }: TabProps) {
  const { get } = useUrlState();
  const query = useObjectDrift(objectRef, get("page"));
  return (
    <Card component="section" aria-label="Drift">
      <CardBody>
        <ServerTable
          label="Changes by others"
          query={query}
          columns={COLUMNS}
          keyOf={({ host, at, resource }) => `${host} ${at} ${resource}`}
          empty={<p className="muted">Nobody else has changed it on its hosts, as far as is remembered.</p>}
        />
      </CardBody>
    </Card>
  );
}
