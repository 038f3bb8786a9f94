import { StackItem, Title } from "@patternfly/react-core";
import { AppPage } from "../chrome/app-page";

export default function ApplyPage() {
  return (
    <AppPage title="Apply a file">
      <StackItem>
        <Title headingLevel="h1">Apply a file</Title>
      </StackItem>
    </AppPage>
  );
}
