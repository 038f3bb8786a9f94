import { StackItem, Title } from "@patternfly/react-core";
import { AppPage } from "../chrome/app-page";

export default function TopologyPage() {
  return (
    <AppPage title="Topology">
      <StackItem>
        <Title headingLevel="h1">Topology</Title>
      </StackItem>
    </AppPage>
  );
}
