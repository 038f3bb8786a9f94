/** The way around: what there is, by what a person comes for. */

import { Nav, NavGroup, NavItem, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import { Link, useLocation } from "wouter";
import { PLACES } from "./places";

export function Navigation() {
  const [location] = useLocation();
  const isHere = (href: string) =>
    location === href || (href !== "/" && location.startsWith(`${href}/`));
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Pages">
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
