/** How the host is doing: facts, conditions, what failed and what to do about it, rates. */

import { Card, CardBody, CardTitle, Grid, GridItem } from "@patternfly/react-core";
import { useFailures } from "../api/host-queries";
import { ConditionsCard } from "./conditions-card";
import { FailuresCard } from "./failures-card";
import { HostFacts } from "./host-facts";
import { HostRates } from "./host-rates";
import type { HostTabProps } from "./tabs";

export function OverviewTab({ host }: HostTabProps) {
  const failures = useFailures(host.metadata.name);
  return (
    <Grid hasGutter>
      <GridItem>
        <Card component="section" aria-labelledby="facts-title">
          <CardTitle component="h2" id="facts-title">
            Facts
          </CardTitle>
          <CardBody>
            <HostFacts host={host} />
          </CardBody>
        </Card>
      </GridItem>
      <GridItem xl2={7}>
        <ConditionsCard conditions={host.status.conditions} />
      </GridItem>
      <GridItem xl2={5}>
        <FailuresCard query={failures} />
      </GridItem>
      <GridItem>
        <HostRates host={host.metadata.name} />
      </GridItem>
    </Grid>
  );
}
