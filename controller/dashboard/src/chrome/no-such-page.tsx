import { EmptyState, EmptyStateBody, StackItem } from "@patternfly/react-core";
import { Link } from "wouter";
import { AppPage } from "./app-page";

export function NoSuchPage() {
  return (
    <AppPage title="No such page">
      <StackItem>
        <EmptyState headingLevel="h1" titleText="There is no such page">
          <EmptyStateBody>
            The address may be mistyped. <Link href="/">Go to the fleet</Link>.
          </EmptyStateBody>
        </EmptyState>
      </StackItem>
    </AppPage>
  );
}
