/** What the object is, and how it is doing. */

import { Card, CardBody, CardTitle, Grid, GridItem, Stack, StackItem } from "@patternfly/react-core";
import { ConditionsCard } from "../host/conditions-card";
import { About, Facts } from "./facts";
import { RealizationCard } from "./realization-card";
import type { TabProps } from "./tabs";

export function Overview({ objectRef, object }: TabProps) {
  const { conditions, phase } = object.status;
  const isWell = phase === "Ready";
  return (
    <Grid hasGutter>
      {!isWell && (
        <GridItem>
          <ConditionsCard conditions={conditions} />
        </GridItem>
      )}
      <GridItem xl={6}>
        <Card component="section" aria-labelledby="facts-title" isFullHeight>
          <CardTitle component="h2" id="facts-title">
            As intended
          </CardTitle>
          <CardBody>
            <Facts object={object} />
          </CardBody>
        </Card>
      </GridItem>
      <GridItem xl={6}>
        <Stack hasGutter>
          <StackItem>
            <RealizationCard objectRef={objectRef} />
          </StackItem>
          <StackItem isFilled>
            <Card component="section" aria-labelledby="about-title" isFullHeight>
              <CardTitle component="h2" id="about-title">
                About it
              </CardTitle>
              <CardBody>
                <About object={object} />
              </CardBody>
            </Card>
          </StackItem>
        </Stack>
      </GridItem>
      {isWell && (
        <GridItem>
          <ConditionsCard conditions={conditions} />
        </GridItem>
      )}
    </Grid>
  );
}
