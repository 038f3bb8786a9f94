/** An object as a person is writing it, and its manifest. Pure. */

import { stringify } from "yaml";
import type { StoredObject } from "../api/objects";
import { DEFAULT_PROJECT, infoOf, type Kind } from "../kinds/kinds";
import { fieldsOf, type Field, type Values } from "./fields";
import { faultAt, read, type ParseFault } from "./positions";

export interface Draft {
  kind: Kind;
  name: string;
  project: string;
  labels: Record<string, string>;
  spec: Values;
}

export interface Manifest {
  kind: Kind;
  metadata: { name: string; project?: string; labels?: Record<string, string> };
  spec: Values;
}

export const emptyDraft = (kind: Kind): Draft => ({
  kind,
  name: "",
  project: DEFAULT_PROJECT,
  labels: {},
  spec: {},
});

/** What the next one of a series has in common with the last: where it is, and what it is part of. */
export function nextOf({ kind, project, labels, spec }: Draft): Draft {
  const kept = Object.entries(spec).filter(([name]) => SHARED.includes(name));
  return { ...emptyDraft(kind), project, labels: { ...labels }, spec: Object.fromEntries(kept) };
}

const SHARED = ["host", "host_group", "segment", "bridge", "zone", "zones", "type", "protocol", "vni_pool"];

/** What is stored, less what merely is the default: as a person would write it. Fields that are not
 * known here stay as they are: a controller that is newer than this page has some, and a write
 * without them would reset them. */
export function draftOf({ kind, metadata, spec }: StoredObject): Draft {
  return {
    kind,
    name: metadata.name,
    project: metadata.project,
    labels: { ...metadata.labels },
    spec: trimmed(fieldsOf(kind), spec),
  };
}

function trimmed(fields: Field[], values: Values): Values {
  const kept = fields.flatMap((field) => {
    const value = values[field.name];
    if (value === undefined || isDefault(field, value)) return [];
    const inner = field.fields && isValues(value) ? trimmed(field.fields, value) : value;
    return [[field.name, withoutNulls(field, inner)] as const];
  });
  const unknown = Object.entries(values).filter(([name]) => fields.every((field) => field.name !== name));
  return Object.fromEntries([...kept, ...unknown]);
}

function withoutNulls({ items }: Field, value: unknown): unknown {
  if (!items?.fields || !Array.isArray(value)) return value;
  const { fields } = items;
  return value.map((item) => (isValues(item) ? trimmed(fields, item) : item));
}

function isDefault(field: Field, value: unknown): boolean {
  if (field.required) return false;
  if (value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (field.type === "map" && isValues(value)) return Object.keys(value).length === 0;
  return value === field.default;
}

export const isValues = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export function manifestOf({ kind, name, project, labels, spec }: Draft): Manifest {
  return {
    kind,
    metadata: {
      name,
      ...(infoOf(kind).ofProjects && project !== DEFAULT_PROJECT && { project }),
      ...(Object.keys(labels).length > 0 && { labels }),
    },
    spec,
  };
}

export const yamlOf = (manifest: Manifest): string => stringify(manifest, { lineWidth: 100 });

export type Parsed = { draft: Draft } | { faults: ParseFault[] };

/** What an object is called, which is fixed once it is there. */
export type Identity = Pick<Draft, "name" | "project">;

/** Reads a manifest of this kind, or of this object of it; the faults say where in the text they
 * are. */
export function parse(text: string, kind: Kind, fixed: Identity | null = null): Parsed {
  const { documents, faults } = read(text);
  const [document, second] = documents;
  if (faults.length > 0) return { faults };
  const at = (pointer: string, message: string): Parsed => ({
    faults: [faultAt(documents, `/objects/0${pointer}`, message) ?? { from: 0, to: text.length, message }],
  });
  const written: unknown = document?.toJS({ maxAliasCount: 100 });
  if (!isValues(written)) return at("", "This is no manifest: kind, metadata and spec are missing.");
  if (second) {
    const message = "Several documents: one object is edited here. Apply a file takes many.";
    return { faults: [faultAt(documents, "/objects/1", message) ?? { from: 0, to: 1, message }] };
  }
  if (written.kind !== kind) return at("/kind", `kind must be ${kind} here.`);
  const fault = shapeFault(written, kind);
  if (fault) return at(...fault);
  const { name, project = DEFAULT_PROJECT, labels } = written.metadata as { name: string; project?: string; labels?: Labels | null };
  if (fixed && name !== fixed.name) return at("/metadata/name", otherThan(kind, fixed.name));
  if (fixed && infoOf(kind).ofProjects && project !== fixed.project)
    return at("/metadata/project", otherThan(kind, `${fixed.project}/${fixed.name}`));
  return { draft: { kind, name, project, labels: labels ?? {}, spec: isValues(written.spec) ? written.spec : {} } };
}

type Labels = Record<string, string>;

/** What the API would refuse and a draft has no place for, so that nothing is left out unseen. */
function shapeFault({ metadata, spec, ...top }: Values, kind: Kind): [pointer: string, message: string] | null {
  const [other] = Object.keys(top).filter((key) => key !== "kind");
  if (other !== undefined) return [`/${other}`, unknownKey(other, ["kind", "metadata", "spec"])];
  if (!isValues(metadata) || typeof metadata.name !== "string") return ["/metadata/name", "metadata.name must be a text."];
  const known = infoOf(kind).ofProjects ? ["name", "project", "labels"] : ["name", "labels"];
  const strange = Object.keys(metadata).find((key) => !known.includes(key));
  if (strange !== undefined) return [`/metadata/${strange}`, unknownKey(`metadata.${strange}`, known)];
  const { project, labels } = metadata;
  if (project !== undefined && typeof project !== "string") return ["/metadata/project", "metadata.project must be a text."];
  if (labels !== undefined && labels !== null && !isValues(labels))
    return ["/metadata/labels", "metadata.labels must be a mapping of words."];
  if (spec !== undefined && spec !== null && !isValues(spec)) return ["/spec", "spec must be a mapping of fields."];
  return null;
}

const unknownKey = (key: string, known: string[]) => `There is no ${key}; here may be ${known.join(", ")}.`;

const otherThan = (kind: Kind, called: string) =>
  `This is ${infoOf(kind).noun} ${called}, and what it is called is fixed. To make another, use Create.`;

/** The spec with one value set; undefined takes the field out. */
export function withValue(values: Values, path: readonly string[], value: unknown): Values {
  const [name, ...rest] = path;
  if (name === undefined) return values;
  const before = values[name];
  const after = rest.length > 0 ? withValue(isValues(before) ? before : {}, rest, value) : value;
  const others = Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
  return after === undefined ? others : { ...values, [name]: after };
}
