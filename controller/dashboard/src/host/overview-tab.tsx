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
  // What is wrong is read first; that nothing is, last.
  const isWell = !failures.data || failures.data.length === 0;
  return (
    <Grid hasGutter>
      {!isWell && (
        <GridItem>
          <FailuresCard query={failures} />
        </GridItem>
      )}
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
      <GridItem xl2={isWell ? 7 : 12}>
        <ConditionsCard conditions={host.status.conditions} />
      </GridItem>
      {isWell && (
        <GridItem xl2={5}>
          <FailuresCard query={failures} />
        </GridItem>
      )}
      <GridItem>
        <HostRates host={host.metadata.name} />
      </GridItem>
    </Grid>
  );
}
