/** What the palette offers: what was used lately, pages, things to do, and what was found. */

import { PLACES } from "../chrome/places";
import { capitalized, infoOf, isKind, KINDS, pathOf, type Kind } from "../kinds/kinds";
import type { components } from "../api/schema";
import type { Phase } from "../api/documents";

export type Found = components["schemas"]["SearchItem"];

export interface Entry {
  /** Where it leads; there is one entry for each place. */
  href: string;
  title: string;
  /** What else is to be said of it. */
  note: string;
  phase?: Phase | undefined;
}

export interface Group {
  title: string;
  entries: Entry[];
}

const PAGES: Entry[] = PLACES.flatMap(({ title, places }) =>
  places.map((place) => ({ ...place, note: title === "Overview" ? "" : title })),
);

const actionsOf = (writable: readonly Kind[]): Entry[] =>
  KINDS.filter(({ kind }) => writable.includes(kind)).map(({ noun, collection }) => ({
    href: `/${collection}/new`,
    title: `Create ${noun}`,
    note: "",
  }));

interface Known {
  words: string;
  recent: Entry[];
  writable: readonly Kind[];
  found: Found[];
}

/** Groups that have something, in the order in which they are shown. */
export function groupsOf({ words, recent, writable, found }: Known): Group[] {
  const isAsked = words.trim() !== "";
  const named = ({ title }: Entry) => isWithin(words, title);
  const groups: Group[] = [
    { title: "Recent", entries: isAsked ? [] : recent },
    { title: "Pages", entries: PAGES.filter(named) },
    { title: "Actions", entries: actionsOf(writable).filter(named) },
    ...(isAsked ? foundGroups(found) : []),
  ];
  return withoutRepeats(groups).filter(({ entries }) => entries.length > 0);
}

/** A place stands where it comes first: arrow keys go by places, and each is met once. */
function withoutRepeats(groups: Group[]): Group[] {
  const met = new Set<string>();
  return groups.map(({ title, entries }) => {
    const fresh = entries.filter(({ href }) => !met.has(href) && met.add(href));
    return { title, entries: fresh };
  });
}

/** By kind, each kind where its best match stands. */
function foundGroups(found: Found[]): Group[] {
  const groups = new Map<Kind, Entry[]>();
  for (const item of found) {
    const kind = item.kind;
    if (!isKind(kind)) continue;
    const entries = groups.get(kind) ?? [];
    entries.push(entryOf(item));
    groups.set(kind, entries);
  }
  return [...groups].map(([kind, entries]) => ({ title: capitalized(infoOf(kind).plural), entries }));
}

const FIELDS: Record<Found["matched"]["field"], string> = {
  name: "",
  uid: "UID",
  label: "label",
  vtep: "VTEP",
  address: "address",
  mac: "MAC address",
  vni: "VNI",
  iface_id: "iface-id",
  interface: "interface",
};

function entryOf({ kind, name, project, host, phase, matched }: Found): Entry {
  const field = FIELDS[matched.field];
  const notes = [
    field && `${field} ${matched.value}`,
    host && kind !== "Host" && `on ${host}`,
    infoOf(kind).ofProjects && `project ${project}`,
  ];
  return { href: pathOf(kind, name, project), title: name, phase, note: notes.filter(Boolean).join(" · ") };
}

/** Every word somewhere in the title. */
function isWithin(words: string, title: string): boolean {
  const inside = title.toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => inside.includes(word));
}
