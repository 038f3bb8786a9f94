import { Skeleton, StackItem } from "@patternfly/react-core";
import { AppPage } from "./app-page";

export function LoadingPage() {
  return (
    <AppPage title="Loading">
      <StackItem>
        <Skeleton height="24rem" screenreaderText="Loading the page" />
      </StackItem>
    </AppPage>
  );
}
