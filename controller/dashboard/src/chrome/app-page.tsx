/** What every page behind the sign-in has: masthead, skip link, the banner of a broken stream. */

import { Page, PageSection, SkipToContent, Stack } from "@patternfly/react-core";
import { useEffect, type ReactNode } from "react";
import { AppMasthead } from "./app-masthead";
import { StreamBanner } from "./stream-banner";

const MAIN = "main-content";

export function AppPage({ title, children }: { title: string; children: ReactNode }) {
  useEffect(() => {
    document.title = `${title} · ovsfleet`;
  }, [title]);
  return (
    <Page
      masthead={<AppMasthead />}
      mainContainerId={MAIN}
      skipToContent={<SkipToContent href={`#${MAIN}`}>Skip to content</SkipToContent>}
    >
      <PageSection isWidthLimited className="page-body">
        <StreamBanner />
        <Stack hasGutter>{children}</Stack>
      </PageSection>
    </Page>
  );
}
