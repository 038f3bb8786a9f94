import { Skeleton } from "@patternfly/react-core";
import { Suspense, type ReactNode } from "react";
import { Boundary } from "./boundary";
import { Broken } from "./broken";

/** What is in a tab; a fault in it leaves the page around it. `of`: the tab's key. */
export function TabBody({ of, children }: { of: string; children: ReactNode }) {
  return (
    <Boundary resetKey={of} fallback={(error) => <Broken error={error} />}>
      <Suspense fallback={<Skeleton height="16rem" screenreaderText="Loading this part of the page" />}>
        {children}
      </Suspense>
    </Boundary>
  );
}
