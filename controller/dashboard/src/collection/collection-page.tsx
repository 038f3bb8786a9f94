/** All objects of a kind: filtered, ordered and paged by the server. */

import { Button, Card, CardBody, EmptyState, EmptyStateActions } from "@patternfly/react-core";
import { EmptyStateBody, EmptyStateFooter, StackItem, Title } from "@patternfly/react-core";
import { useState } from "react";
import { usePage, usePageAhead, type StoredObject } from "../api/objects";
import { AppPage } from "../chrome/app-page";
import { LinkButton } from "../chrome/link-button";
import { ServerTable } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { CopyAs } from "../copy/copy-as";
import { capitalized, type KindInfo } from "../kinds/kinds";
import { useMayWrite } from "../session/whoami";
import { askedOf, NARROWING, refusalsOf } from "./asked";
import { BulkDelete } from "./bulk-delete";
import "./collection.css";
import { columnsOf } from "./columns";
import { listCommand, listRequest } from "./commands";
import { FilterBar } from "./filter-bar";
import { useChosen, type Chosen } from "./selection";

const ROWS = 25;

export default function CollectionPage({ info }: { info: KindInfo }) {
  const { get } = useUrlState();
  const title = capitalized(info.plural);
  const asked = askedOf(get);
  const query = usePage<StoredObject>(info.collection, { ...asked, page_token: get("page"), page_size: ROWS });
  const next = query.isPlaceholderData ? "" : query.data?.next_page_token;
  usePageAhead(info.collection, next ? { ...asked, page_token: next, page_size: ROWS } : null);
  const refusals = refusalsOf(query.error, get);
  const isRefused = Object.keys(refusals).length > 0;
  const mayWrite = useMayWrite(info.kind);
  const chosen = useChosen();
  return (
    <AppPage title={title}>
      <StackItem>
        <div className="page-heading">
          <Title headingLevel="h1">{title}</Title>
          <span className="page-actions">
            {mayWrite && (
              <LinkButton href={`/${info.collection}/new`}>Create {info.noun}</LinkButton>
            )}{" "}
            <CopyAs label="Copy list as" cli={listCommand(info, asked)} request={listRequest(info, asked)} />
          </span>
        </div>
      </StackItem>
      <StackItem>
        <Card component="section" aria-label={title}>
          <CardBody>
            <FilterBar info={info} refusals={refusals} />
            {chosen.objects.length > 0 && <ChosenBar info={info} chosen={chosen} />}
            {isRefused ? (
              <p className="muted">The list is shown again when what is marked above is corrected.</p>
            ) : (
              <ServerTable
                label={title}
                query={query}
                columns={columnsOf(info)}
                keyOf={({ metadata }) => metadata.uid}
                empty={<Nothing info={info} mayWrite={mayWrite} />}
                selection={mayWrite ? chosen.selection : undefined}
              />
            )}
          </CardBody>
        </Card>
      </StackItem>
    </AppPage>
  );
}

function ChosenBar({ info, chosen }: { info: KindInfo; chosen: Chosen }) {
  const [isDeleting, setDeleting] = useState(false);
  const count = chosen.objects.length;
  return (
    <div className="chosen-bar" role="status">
      <strong className="number">
        {count} {count === 1 ? info.noun : info.plural} chosen
      </strong>
      <Button variant="danger" size="sm" onClick={() => setDeleting(true)}>
        Delete …
      </Button>
      <Button variant="link" size="sm" onClick={chosen.clear}>
        Choose none
      </Button>
      {isDeleting && (
        <BulkDelete info={info} chosen={chosen.objects} close={() => setDeleting(false)} done={chosen.clear} />
      )}
    </div>
  );
}

function Nothing({ info, mayWrite }: { info: KindInfo; mayWrite: boolean }) {
  const { get, put } = useUrlState();
  const isNarrowed = NARROWING.some((name) => get(name));
  if (!isNarrowed)
    return (
      <EmptyState headingLevel="h2" titleText={`No ${info.plural} yet`} variant="sm">
        <EmptyStateBody>
          {mayWrite ? "Create one here, or with a manifest" : "They are created with a manifest"}:{" "}
          <code>ovsfleet apply -f FILE</code>.
        </EmptyStateBody>
      </EmptyState>
    );
  return (
    <EmptyState headingLevel="h2" titleText={`No ${info.plural} match`} variant="sm">
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button
            variant="link"
            onClick={() => put(Object.fromEntries([...NARROWING, "page"].map((name) => [name, null])))}
          >
            Show all
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
