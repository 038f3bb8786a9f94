/** The way around: what there is, by what a person comes for. */

import { Nav, NavGroup, NavItem } from "@patternfly/react-core";
import { PageContext, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import { useContext } from "react";
import { Link, useLocation } from "wouter";
import { PLACES } from "./places";

export function Navigation() {
  const [location] = useLocation();
  const { isMobile, isSidebarOpen, onSidebarToggle } = useContext(PageContext);
  // On a narrow screen it lies over the page that was chosen.
  const close = () => {
    if (isMobile && isSidebarOpen) onSidebarToggle();
  };
  const isHere = (href: string) =>
    location === href || (href !== "/" && location.startsWith(`${href}/`));
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Pages" onSelect={close}>
          {PLACES.map(({ title, places }) => (
            <NavGroup key={title} title={title}>
              {places.map(({ title: name, href }) => (
                <NavItem key={href} itemId={href} isActive={isHere(href)}>
                  <Link href={href} aria-current={isHere(href) ? "page" : undefined}>
                    {name}
                  </Link>
                </NavItem>
              ))}
            </NavGroup>
          ))}
        </Nav>
      </PageSidebarBody>
    </PageSidebar>
  );
}
