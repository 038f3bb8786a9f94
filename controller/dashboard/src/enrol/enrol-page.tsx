import { StackItem, Title } from "@patternfly/react-core";
import { AppPage } from "../chrome/app-page";

export default function EnrolPage() {
  return (
    <AppPage title="Enrol">
      <StackItem>
        <Title headingLevel="h1">Enrol</Title>
      </StackItem>
    </AppPage>
  );
}
