/** What stays while one goes from page to page: masthead, navigation, skip link, and the focus. */

import { Page, SkipToContent } from "@patternfly/react-core";
import type { ReactNode } from "react";
import { AppMasthead } from "./app-masthead";
import "./chrome.css";
import { useArrival } from "./arrival";
import { Navigation } from "./navigation";

const MAIN = "main-content";

export function AppShell({ children }: { children: ReactNode }) {
  useArrival(MAIN);
  return (
    <Page
      masthead={<AppMasthead />}
      sidebar={<Navigation />}
      isManagedSidebar
      mainContainerId={MAIN}
      skipToContent={<SkipToContent href={`#${MAIN}`}>Skip to content</SkipToContent>}
    >
      {children}
    </Page>
  );
}
