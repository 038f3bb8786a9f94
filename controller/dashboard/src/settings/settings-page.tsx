import { StackItem, Title } from "@patternfly/react-core";
import { AppPage } from "../chrome/app-page";

export default function SettingsPage() {
  return (
    <AppPage title="Settings">
      <StackItem>
        <Title headingLevel="h1">Settings</Title>
      </StackItem>
    </AppPage>
  );
}
