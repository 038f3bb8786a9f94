/** What became of the last messages to one webhook. */

import { Label } from "@patternfly/react-core";
import { useQuery } from "@tanstack/react-query";
import { document, unlessFinal } from "../api/client";
import type { components } from "../api/schema";
import { Moment } from "../chrome/moment";
import { type Column, PagedTable } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";
import { ObjectLink } from "../kinds/object-link";
import { useSession } from "../session/session";

type Delivery = components["schemas"]["DeliveryDocument"];

/** Nothing tells of a delivery that was made; while somebody looks, it is asked for. */
const EVERY_MS = 3000;
const COLORS = { waiting: "blue", sending: "blue", delivered: "green", failed: "red" } as const;

const COLUMNS: Column<Delivery>[] = [
  { title: "When", cell: ({ created_at }) => <Moment at={created_at} /> },
  { title: "Event", cell: ({ event }) => event, className: "nowrap" },
  {
    title: "Of",
    cell: ({ object }) =>
      object ? (
        <ObjectLink kind={object.kind} name={object.name} project={object.project} />
      ) : (
        <span className="muted">no object</span>
      ),
  },
  {
    title: "State",
    cell: ({ state }) => (
      <Label color={COLORS[state]} isCompact>
        {state}
      </Label>
    ),
  },
  { title: "Attempts", cell: ({ attempts }) => attempts, className: "number" },
  {
    title: "Answer",
    className: "reason-cell",
    cell: ({ status_code, error, next_attempt_at }) => (
      <>
        {status_code !== null && <span className="number">HTTP {status_code} </span>}
        {error}
        {next_attempt_at && (
          <div className="detail">
            <span className="muted">again at</span> <Moment at={next_attempt_at} />
          </div>
        )}
      </>
    ),
  },
];

export function Deliveries({ name }: { name: string }) {
  const { api } = useSession();
  const query = useQuery({
    queryKey: ["webhooks", name, "deliveries"],
    refetchInterval: unlessFinal(EVERY_MS),
    queryFn: async ({ signal }) => {
      const params = { path: { name } };
      return document(await api.GET("/v1/webhooks/{name}/deliveries", { params, signal })).items;
    },
  });
  return (
    <section aria-labelledby="deliveries-title">
      <h3 id="deliveries-title">The last deliveries to {name}</h3>
      <QueryState title="Deliveries" query={query}>
        {(deliveries) =>
          deliveries.length === 0 ? (
            <p className="muted">Nothing was sent to it yet. Send a test.</p>
          ) : (
            <PagedTable label={`Deliveries to ${name}`} columns={COLUMNS} items={deliveries} keyOf={({ id }) => id} />
          )
        }
      </QueryState>
    </section>
  );
}
