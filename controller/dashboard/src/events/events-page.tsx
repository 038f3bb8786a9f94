import { StackItem, Title } from "@patternfly/react-core";
import { AppPage } from "../chrome/app-page";

export default function EventsPage() {
  return (
    <AppPage title="Events">
      <StackItem>
        <Title headingLevel="h1">Events</Title>
      </StackItem>
    </AppPage>
  );
}
