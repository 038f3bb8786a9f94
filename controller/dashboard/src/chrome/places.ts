/** The pages that are reached from everywhere, by what a person comes for. */

import { capitalized, infoOf, type Kind } from "../kinds/kinds";

export interface Place {
  title: string;
  href: string;
}

const of = (...kinds: Kind[]): Place[] =>
  kinds.map(infoOf).map(({ plural, collection }) => ({
    title: capitalized(plural),
    href: `/${collection}`,
  }));

export const PLACES: { title: string; places: Place[] }[] = [
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
