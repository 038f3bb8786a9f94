/** The way around: what there is, by what a person comes for. */

import { Nav, NavGroup, NavItem, PageSidebar, PageSidebarBody } from "@patternfly/react-core";
import { Link, useLocation } from "wouter";
import { capitalized, infoOf, type Kind } from "../kinds/kinds";

interface Place {
  title: string;
  href: string;
}

const of = (...kinds: Kind[]): Place[] =>
  kinds.map(infoOf).map(({ plural, collection }) => ({
    title: capitalized(plural),
    href: `/${collection}`,
  }));

const GROUPS: { title: string; places: Place[] }[] = [
  {
    title: "Overview",
    places: [
      { title: "Fleet", href: "/" },
      { title: "Topology", href: "/topology" },
      { title: "Events", href: "/events" },
    ],
  },
  { title: "Intent", places: of("Host", "Segment", "Port", "Bridge", "Tunnel") },
  {
    title: "Definitions",
    places: of("HostGroup", "TransportZone", "Pool", "TunnelProfile", "QosPolicy"),
  },
  { title: "Monitoring", places: of("Mirror", "FlowExport") },
  {
    title: "Change",
    places: [
      { title: "Apply a file", href: "/apply" },
      { title: "Enrol a host", href: "/enrol" },
      { title: "Settings", href: "/settings" },
    ],
  },
];

export function Navigation() {
  const [location] = useLocation();
  const isHere = (href: string) =>
    location === href || (href !== "/" && location.startsWith(`${href}/`));
  return (
    <PageSidebar>
      <PageSidebarBody>
        <Nav aria-label="Pages">
          {GROUPS.map(({ title, places }) => (
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
