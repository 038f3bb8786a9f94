/** One host: how it is doing, what is on it and what flows through it, live. */

import { Grid, GridItem, StackItem } from "@patternfly/react-core";
import { EmptyState, EmptyStateBody, Skeleton } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client";
import { useEffectiveTunnels, useFailures, useHost } from "../api/host-queries";
import { useHostBridges, useHostPorts } from "../api/host-queries";
import { useSegments } from "../api/queries";
import { AppPage } from "../chrome/app-page";
import { QueryState } from "../chrome/query-state";
import { useHostRates } from "../rates/queries";
import { RatesCard } from "../rates/rates-card";
import { useSelection } from "../rates/selection";
import { BridgesCard } from "./bridges-card";
import { ConditionsCard } from "./conditions-card";
import { FailuresCard } from "./failures-card";
import { HostHeader } from "./host-header";
import { subjectsOf } from "./subjects";
import { TunnelsCard } from "./tunnels-card";

export default function HostPage({ name }: { name: string }) {
  const host = useHost(name);
  const isGone = host.error instanceof ApiError && host.error.status === 404;
  return (
    <AppPage title={name} above={[{ title: "Hosts", href: "/hosts" }]}>
      {isGone ? <NoSuchHost name={name} /> : <HostBody name={name} query={host} />}
    </AppPage>
  );
}

function NoSuchHost({ name }: { name: string }) {
  return (
    <StackItem>
      <EmptyState headingLevel="h1" titleText={`There is no host ${name}`}>
        <EmptyStateBody>
          It was deleted, or the address is mistyped. <Link href="/">Go to the fleet</Link>, or declare
          it in a manifest: <code>ovsfleet apply -f FILE</code>.
        </EmptyStateBody>
      </EmptyState>
    </StackItem>
  );
}

function HostBody({ name, query }: { name: string; query: ReturnType<typeof useHost> }) {
  const failures = useFailures(name);
  const ports = useHostPorts(name);
  const bridges = useHostBridges(name);
  const tunnels = useEffectiveTunnels(name);
  const segments = useSegments();
  const rates = useHostRates(name).data;
  const [selection, select] = useSelection();
  const subjects = subjectsOf(ports.data ?? [], tunnels.data ?? []);
  const charting = { rates, chosen: selection.subject, choose: select.subject };
  return (
    <>
      <StackItem>
        <QueryState title="Hosts" query={query}>
          {(host) => (
            <HostHeader host={host} objects={[...(ports.data ?? []), ...(bridges.data ?? [])]} />
          )}
        </QueryState>
      </StackItem>
      {query.data && (
        <>
          <StackItem>
            <Grid hasGutter>
              <GridItem lg={7}>
                <ConditionsCard conditions={query.data.status.conditions} />
              </GridItem>
              <GridItem lg={5}>
                <FailuresCard query={failures} />
              </GridItem>
            </Grid>
          </StackItem>
          <StackItem>
            <RatesCard host={name} subjects={subjects} selection={selection} select={select} />
          </StackItem>
          <StackItem>
            <BridgesCard
              host={query.data}
              ports={ports}
              bridges={bridges}
              segments={segments.data ?? []}
              failures={failures.data ?? []}
              charting={charting}
            />
          </StackItem>
          <StackItem>
            <TunnelsCard query={tunnels} charting={charting} />
          </StackItem>
        </>
      )}
      {query.isPending && <Loading />}
    </>
  );
}

function Loading(): ReactNode {
  return (
    <StackItem>
      <Skeleton height="24rem" screenreaderText="Loading what is on the host" />
    </StackItem>
  );
}
