/** Who is told of what happens, and whether that works. */

import { Button, Card, CardBody, CardTitle, Label } from "@patternfly/react-core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { document } from "../api/client";
import { type Column, PagedTable } from "../chrome/paged-table";
import { QueryState } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
import { useSession } from "../session/session";
import { Deliveries } from "./deliveries";
import { CreateWebhook, DeleteWebhook, EditWebhook } from "./webhook-dialogs";
import { narrowedTo, useMayWriteWebhooks, WEBHOOKS, type Webhook } from "./webhooks";

export function WebhooksCard() {
  const { api } = useSession();
  const { get, put } = useUrlState();
  const shown = get("webhook");
  const columns = [...COLUMNS, actions(shown, (name) => put({ webhook: name === shown ? null : name }, true))];
  const query = useQuery({
    queryKey: WEBHOOKS,
    queryFn: async ({ signal }) => document(await api.GET("/v1/webhooks", { signal })).items,
  });
  return (
    <Card component="section" aria-labelledby="webhooks-title">
      <CardTitle component="h2" id="webhooks-title">
        Webhooks
      </CardTitle>
      <CardBody>
        <QueryState title="Webhooks" query={query}>
          {(webhooks) =>
            webhooks.length === 0 ? (
              <p className="muted">
                Nobody is told yet. Create one here, or by <code>ovsfleet webhooks create</code>.
              </p>
            ) : (
              <>
                <PagedTable label="Webhooks" columns={columns} items={webhooks} keyOf={({ uid }) => uid} />
                {webhooks.some(({ name }) => name === shown) && <Deliveries name={shown} />}
              </>
            )
          }
        </QueryState>
        <CreateWebhook />
      </CardBody>
    </Card>
  );
}

const COLUMNS: Column<Webhook>[] = [
  { title: "Name", cell: ({ name }) => <strong>{name}</strong> },
  { title: "To", cell: ({ url }) => <span className="mono fact-text">{url}</span>, className: "reason-cell" },
  {
    title: "Of",
    className: "reason-cell",
    cell: (webhook) => (
      <>
        {webhook.events.join(", ")}
        <div className="muted detail">{narrowedTo(webhook)}</div>
      </>
    ),
  },
  {
    title: "Deliveries",
    cell: ({ failed, unfinished }) => (
      <>
        {failed > 0 && (
          <Label color="red" isCompact>
            {failed} given up in 7 days
          </Label>
        )}{" "}
        {unfinished > 0 ? `${unfinished} waiting` : failed === 0 && <span className="muted">all delivered</span>}
      </>
    ),
  },
];

const actions = (shown: string, toggle: (name: string) => void): Column<Webhook> => ({
  title: "",
  cell: (webhook) => (
    <span className="settings-actions">
      <Try webhook={webhook} />
      <Button
        variant="link"
        isInline
        aria-expanded={webhook.name === shown}
        onClick={() => toggle(webhook.name)}
      >
        Deliveries<span className="pf-v6-screen-reader"> of {webhook.name}</span>
      </Button>
      <Changes webhook={webhook} />
    </span>
  ),
});

function Changes({ webhook }: { webhook: Webhook }) {
  const [open, setOpen] = useState<"edit" | "delete" | null>(null);
  const mayWrite = useMayWriteWebhooks();
  if (!mayWrite) return null;
  const name = <span className="pf-v6-screen-reader"> {webhook.name}</span>;
  const close = () => setOpen(null);
  return (
    <>
      <Button variant="link" isInline onClick={() => setOpen("edit")}>
        Edit{name}
      </Button>
      <Button variant="link" isInline isDanger onClick={() => setOpen("delete")}>
        Delete{name}
      </Button>
      {open === "edit" && <EditWebhook webhook={webhook} close={close} />}
      {open === "delete" && <DeleteWebhook webhook={webhook} close={close} />}
    </>
  );
}

function Try({ webhook: { name } }: { webhook: Webhook }) {
  const { api } = useSession();
  const queryClient = useQueryClient();
  const test = useMutation({
    mutationFn: () => api.POST("/v1/webhooks/{name}/test", { params: { path: { name } } }),
    onSettled: () => queryClient.invalidateQueries({ queryKey: WEBHOOKS }),
  });
  return (
    <>
      <Button variant="secondary" size="sm" isLoading={test.isPending} onClick={() => test.mutate()}>
        Send a test
      </Button>{" "}
      <span role="status">{test.isSuccess ? "On its way" : (test.error?.message ?? "")}</span>
    </>
  );
}
