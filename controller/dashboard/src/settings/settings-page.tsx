/** How this browser shows things, who is signed in, the controller itself, and its webhooks. */

import { Card, CardBody, CardTitle, DescriptionList, Grid, GridItem } from "@patternfly/react-core";
import { FormGroup, StackItem, Title, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { useFleet } from "../api/queries";
import { AppPage } from "../chrome/app-page";
import { Moment } from "../chrome/moment";
import { chooseZone, useZone } from "../chrome/moments";
import { QueryState } from "../chrome/query-state";
import { chooseTheme, useTheme } from "../chrome/theme";
import { Fact } from "../object/facts";
import { SHORTCUTS } from "../palette/keys";
import { useWhoAmI } from "../session/whoami";
import "./settings.css";
import { WebhooksCard } from "./webhooks-card";

export default function SettingsPage() {
  return (
    <AppPage title="Settings">
      <StackItem>
        <Title headingLevel="h1">Settings</Title>
      </StackItem>
      <StackItem>
        <Grid hasGutter>
          <GridItem lg={6}>
            <Appearance />
          </GridItem>
          <GridItem lg={6}>
            <SignedIn />
          </GridItem>
          <GridItem lg={6}>
            <Controller />
          </GridItem>
          <GridItem lg={6}>
            <Shortcuts />
          </GridItem>
          <GridItem>
            <WebhooksCard />
          </GridItem>
        </Grid>
      </StackItem>
    </AppPage>
  );
}

function Section({ id, title, children }: { id: string; title: string; children: ReactNode }) {
  return (
    <Card component="section" aria-labelledby={id} isFullHeight>
      <CardTitle component="h2" id={id}>
        {title}
      </CardTitle>
      <CardBody>
        <div className="settings-stack">{children}</div>
      </CardBody>
    </Card>
  );
}

function Appearance() {
  const theme = useTheme();
  const zone = useZone();
  return (
    <Section id="appearance-title" title="This browser">
      <FormGroup label="Theme" role="group">
        <ToggleGroup aria-label="Theme">
          {(["light", "dark"] as const).map((each) => (
            <ToggleGroupItem
              key={each}
              text={each === "light" ? "Light" : "Dark"}
              isSelected={theme === each}
              onChange={() => chooseTheme(each)}
            />
          ))}
        </ToggleGroup>
      </FormGroup>
      <FormGroup label="Times" role="group">
        <ToggleGroup aria-label="Times">
          <ToggleGroupItem text="As on this computer" isSelected={zone === "local"} onChange={() => chooseZone("local")} />
          <ToggleGroupItem text="UTC" isSelected={zone === "utc"} onChange={() => chooseZone("utc")} />
        </ToggleGroup>
      </FormGroup>
      <p className="muted">Kept in this browser, for everybody who uses it.</p>
    </Section>
  );
}

function SignedIn() {
  const query = useWhoAmI();
  return (
    <Section id="who-title" title="Signed in">
      <QueryState title="Permissions" query={query}>
        {({ name, roles, projects, expires_at, may }) => (
          <DescriptionList isCompact isHorizontal>
            <Fact term="Token">{name}</Fact>
            <Fact term="Roles">{roles.join(", ")}</Fact>
            <Fact term="Projects">{projects === null ? "all" : projects.join(", ") || "none"}</Fact>
            <Fact term="Ends">{expires_at ? <Moment at={expires_at} /> : "never"}</Fact>
            <Fact term="May change">{may.write.join(", ") || "nothing"}</Fact>
            <Fact term="May also">
              {[may.enrol && "enrol hosts", may.inspect && "inspect hosts", may.operate && "release hosts"]
                .filter(Boolean)
                .join(", ") || "nothing"}
            </Fact>
          </DescriptionList>
        )}
      </QueryState>
    </Section>
  );
}

function Controller() {
  const query = useFleet();
  return (
    <Section id="controller-title" title="Controller">
      <QueryState title="Facts about the controller" query={query}>
        {({ version, fleet_uid, epoch, revision }) => (
          <DescriptionList isCompact isHorizontal>
            <Fact term="Version">{version}</Fact>
            <Fact term="Fleet">
              <span className="mono">{fleet_uid}</span>
            </Fact>
            <Fact term="Epoch">{epoch}</Fact>
            <Fact term="Revision">{revision}</Fact>
            <Fact term="API">
              <a href="/docs">Documentation</a>
              {" · "}
              <a href="/openapi.json">openapi.json</a>
            </Fact>
          </DescriptionList>
        )}
      </QueryState>
    </Section>
  );
}

function Shortcuts() {
  return (
    <Section id="shortcuts-title" title="Shortcuts">
      <DescriptionList isCompact isHorizontal>
        {SHORTCUTS.map(([keys, what]) => (
          <Fact key={keys} term={keys}>
            {what}
          </Fact>
        ))}
      </DescriptionList>
      <p className="muted">The address of a page holds what is shown: it can be sent to somebody else.</p>
    </Section>
  );
}
