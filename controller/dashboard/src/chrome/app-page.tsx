/** What every page behind the sign-in has: a title, the way back up, the banner of a broken stream. */

import { Breadcrumb, BreadcrumbItem, PageSection, Stack, StackItem } from "@patternfly/react-core";
import { useEffect, type ReactNode } from "react";
import { Link } from "wouter";
import { StreamBanner } from "./stream-banner";

export interface Crumb {
  title: string;
  href: string;
}

interface Props {
  title: string;
  /** The pages above this one. */
  above?: Crumb[];
  /** What fills the width of the window, as a map does. */
  isWide?: boolean;
  children: ReactNode;
}

export function AppPage({ title, above = [], isWide = false, children }: Props) {
  useEffect(() => {
    document.title = `${title} · ovsfleet`;
  }, [title]);
  return (
    <PageSection isWidthLimited={!isWide} className="page-body">
      <StreamBanner />
      <Stack hasGutter>
        {above.length > 0 && (
          <StackItem>
            <Crumbs above={above} title={title} />
          </StackItem>
        )}
        {children}
      </Stack>
    </PageSection>
  );
}

function Crumbs({ above, title }: { above: Crumb[]; title: string }) {
  return (
    <Breadcrumb>
      {above.map(({ title: name, href }) => (
        <BreadcrumbItem
          key={href}
          render={({ className }) => (
            <Link href={href} className={className}>
              {name}
            </Link>
          )}
        />
      ))}
      <BreadcrumbItem isActive>{title}</BreadcrumbItem>
    </Breadcrumb>
  );
}
