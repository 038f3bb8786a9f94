/** All objects of a kind: filtered, ordered and paged by the server. */

import { Button, Card, CardBody, CardHeader, CardTitle, EmptyState } from "@patternfly/react-core";
import { EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@patternfly/react-core";
import { StackItem, Title } from "@patternfly/react-core";
import { Link } from "wouter";
import { usePage, type StoredObject } from "../api/objects";
import { AppPage } from "../chrome/app-page";
import { ServerTable } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { capitalized, type KindInfo } from "../kinds/kinds";
import { useMayWrite } from "../session/whoami";
import { columnsOf } from "./columns";
import "./collection.css";
import { FilterBar, filterOf } from "./filter-bar";

const ROWS = 50;

export default function CollectionPage({ info }: { info: KindInfo }) {
  const { get } = useUrlState();
  const title = capitalized(info.plural);
  const query = usePage<StoredObject>(info.collection, {
    filter: filterOf(get),
    label_selector: get("labels"),
    host: get("host"),
    project: get("project"),
    order_by: get("order"),
    page_token: get("page"),
    page_size: ROWS,
  });
  return (
    <AppPage title={title}>
      <StackItem>
        <div className="page-heading">
          <Title headingLevel="h1">{title}</Title>
          <NewButton info={info} />
        </div>
      </StackItem>
      <StackItem>
        <Card component="section" aria-labelledby="collection-title">
          <CardHeader>
            <CardTitle component="h2" id="collection-title" className="pf-v6-u-screen-reader">
              {title}
            </CardTitle>
            <FilterBar info={info} />
          </CardHeader>
          <CardBody>
            <ServerTable
              label={title}
              query={query}
              columns={columnsOf(info)}
              keyOf={({ metadata }) => metadata.uid}
              empty={<Nothing info={info} />}
            />
          </CardBody>
        </Card>
      </StackItem>
    </AppPage>
  );
}

function NewButton({ info }: { info: KindInfo }) {
  if (!useMayWrite(info.kind)) return null;
  return (
    <Button component={(props) => <Link {...props} href={`/${info.collection}/new`} />}>
      Create {info.noun}
    </Button>
  );
}

function Nothing({ info }: { info: KindInfo }) {
  const { get, put } = useUrlState();
  const isNarrowed = ["q", "filter", "labels", "host", "project", "phase"].some((name) => get(name));
  if (!isNarrowed)
    return (
      <EmptyState headingLevel="h3" titleText={`No ${info.plural} yet`} variant="sm">
        <EmptyStateBody>
          Create one here, or with a manifest: <code>ovsfleet apply -f FILE</code>.
        </EmptyStateBody>
      </EmptyState>
    );
  return (
    <EmptyState headingLevel="h3" titleText={`No ${info.plural} match`} variant="sm">
      <EmptyStateFooter>
        <EmptyStateActions>
          <Button
            variant="link"
            onClick={() => put({ q: null, filter: null, labels: null, host: null, project: null, phase: null })}
          >
            Show all
          </Button>
        </EmptyStateActions>
      </EmptyStateFooter>
    </EmptyState>
  );
}
