import { StackItem } from "@patternfly/react-core";
import { AppPage } from "./app-page";
import { Broken } from "./broken";

/** A page that could not be drawn, with the way to all others. */
export function BrokenPage({ error }: { error: Error }) {
  return (
    <AppPage title="Could not be drawn">
      <StackItem>
        <Broken error={error} />
      </StackItem>
    </AppPage>
  );
}
