/** The fleet at a glance, live. */

import {
  Alert,
  Grid,
  GridItem,
  Page,
  PageSection,
  SkipToContent,
  Stack,
  StackItem,
  Title,
} from "@patternfly/react-core";
import { useEffect } from "react";
import { ApiError } from "../api/client";
import { useFleet, useHosts, usePorts, useSegments } from "../api/queries";
import { AppMasthead } from "../chrome/app-masthead";
import { StreamBanner } from "../chrome/stream-banner";
import { useSession } from "../session/session";
import { needsAttention } from "./attention";
import { AttentionList } from "./attention-list";
import { Glance } from "./glance";
import { HostsTable } from "./hosts-table";
import { RecentChanges } from "./recent-changes";
import { SegmentsTable } from "./segments-table";

const MAIN = "main-content";

export function FleetPage() {
  const fleet = useFleet();
  const hosts = useHosts();
  const segments = useSegments();
  const ports = usePorts();
  useSignOutWhenRefused([fleet.error, hosts.error, segments.error, ports.error]);
  const attention =
    hosts.data && segments.data && ports.data
      ? needsAttention(hosts.data, segments.data, ports.data)
      : undefined;
  return (
    <Page
      masthead={<AppMasthead />}
      mainContainerId={MAIN}
      skipToContent={<SkipToContent href={`#${MAIN}`}>Skip to content</SkipToContent>}
    >
      <PageSection isWidthLimited className="fleet">
        <Stack hasGutter>
          <StackItem>
            <div className="fleet-heading">
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
            <StreamBanner />
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
            <HostsTable query={hosts} head={fleet.data?.revision} />
          </StackItem>
          <StackItem>
            <SegmentsTable query={segments} ports={ports.data} />
          </StackItem>
        </Stack>
      </PageSection>
    </Page>
  );
}

/** A token may be revoked while the page is open. */
function useSignOutWhenRefused(errors: (Error | null)[]): void {
  const { signOut } = useSession();
  const refusal = errors.find((error) => error instanceof ApiError && error.isRefused);
  useEffect(() => {
    if (refusal) signOut(refusal.message);
  }, [refusal, signOut]);
}
