/** What the object is, and how it is doing. */

import { Card, CardBody, CardTitle, Grid, GridItem } from "@patternfly/react-core";
import { ConditionsCard } from "../host/conditions-card";
import { Facts } from "./facts";
import { RealizationCard } from "./realization-card";
import type { TabProps } from "./tabs";

export function Overview({ objectRef, object }: TabProps) {
  return (
    <Grid hasGutter>
      <GridItem xl={7}>
        <Card component="section" aria-labelledby="facts-title" isFullHeight>
          <CardTitle component="h2" id="facts-title">
            As intended
          </CardTitle>
          <CardBody>
            <Facts object={object} />
          </CardBody>
        </Card>
      </GridItem>
      <GridItem xl={5}>
        <RealizationCard objectRef={objectRef} />
      </GridItem>
      <GridItem>
        <ConditionsCard conditions={object.status.conditions} />
      </GridItem>
    </Grid>
  );
}
