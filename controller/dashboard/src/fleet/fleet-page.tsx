/** The fleet at a glance, live. */

import { Alert, Grid, GridItem, StackItem, Title } from "@patternfly/react-core";
import { useFleet, useHosts, usePorts, useSegments, useTunnels } from "../api/queries";
import { AppPage } from "../chrome/app-page";
import { needsAttention } from "./attention";
import { AttentionList } from "./attention-list";
import { Glance } from "./glance";
import { HostsTable } from "./hosts-table";
import { RecentChanges } from "./recent-changes";
import { SegmentsTable } from "./segments-table";

export default function FleetPage() {
  const fleet = useFleet();
  const hosts = useHosts();
  const segments = useSegments();
  const ports = usePorts();
  const tunnels = useTunnels();
  const attention =
    hosts.data && segments.data && ports.data && tunnels.data
      ? needsAttention(hosts.data, segments.data, ports.data, tunnels.data)
      : undefined;
  return (
    <AppPage title="Fleet">
      <StackItem>
        <div className="page-heading">
          <Title headingLevel="h1">Fleet</Title>
          {fleet.data && (
            <p className="muted">
              <span className="mono">{fleet.data.fleet_uid}</span> · epoch {fleet.data.epoch}
            </p>
          )}
        </div>
        {fleet.isError && !fleet.data && (
          <Alert variant="danger" isInline title="The fleet could not be read">
            {fleet.error.message} Trying again every few seconds.
          </Alert>
        )}
      </StackItem>
      <StackItem>
        <Glance fleet={fleet.data} />
      </StackItem>
      <StackItem>
        <Grid hasGutter>
          <GridItem lg={7}>
            <AttentionList items={attention} />
          </GridItem>
          <GridItem lg={5}>
            <RecentChanges />
          </GridItem>
        </Grid>
      </StackItem>
      <StackItem>
        <HostsTable query={hosts} ports={ports.data} head={fleet.data?.revision} />
      </StackItem>
      <StackItem>
        <SegmentsTable query={segments} ports={ports.data} />
      </StackItem>
    </AppPage>
  );
}
