/** The fleet at a glance, live. */

import { Alert, EmptyState, EmptyStateActions, EmptyStateBody } from "@patternfly/react-core";
import { EmptyStateFooter, Grid, GridItem, StackItem, Title } from "@patternfly/react-core";
import { useFleet } from "../api/queries";
import { AppPage } from "../chrome/app-page";
import { LinkButton } from "../chrome/link-button";
import { useMayWrite } from "../session/whoami";
import { AttentionCard } from "./attention-card";
import { CapacityCard } from "./capacity-card";
import { ChangesCard } from "./changes-card";
import { Glance } from "./glance";
import "./fleet.css";

export default function FleetPage() {
  const { data: fleet, error } = useFleet();
  return (
    <AppPage title="Fleet">
      <StackItem>
        <div className="page-heading">
          <Title headingLevel="h1">Fleet</Title>
          {fleet && (
            <p className="muted">ovsfleet {fleet.version}</p>
          )}
        </div>
        {error && (
          <Alert variant={fleet ? "warning" : "danger"} isInline title="The fleet could not be read">
            {error.message} Trying again every few seconds.
          </Alert>
        )}
      </StackItem>
      {fleet?.hosts.total === 0 && (
        <StackItem>
          <NoHosts />
        </StackItem>
      )}
      <StackItem>
        <Glance fleet={fleet} />
      </StackItem>
      <StackItem>
        <Grid hasGutter>
          <GridItem lg={7}>
            <AttentionCard />
          </GridItem>
          <GridItem lg={5}>
            <ChangesCard />
          </GridItem>
        </Grid>
      </StackItem>
      {fleet && (
        <StackItem>
          <CapacityCard capacity={fleet.capacity} />
        </StackItem>
      )}
    </AppPage>
  );
}

function NoHosts() {
  const mayWrite = useMayWrite("Host");
  return (
    <EmptyState headingLevel="h2" titleText="No hosts yet" variant="sm">
      <EmptyStateBody>
        {mayWrite ? (
          <>
            Declare a host here or in a manifest, <code>ovsfleet apply -f FILE</code>, then let it join with the
            command that <code>ovsfleet enroll HOST</code> prints.
          </>
        ) : (
          "A network admin declares hosts and lets them join."
        )}
      </EmptyStateBody>
      {mayWrite && (
        <EmptyStateFooter>
          <EmptyStateActions>
            <LinkButton href="/hosts/new">Create host</LinkButton>
          </EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}
