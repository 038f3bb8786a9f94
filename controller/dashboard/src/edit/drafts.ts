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

/** What is stored, less what merely is the default: as a person would write it. */
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
  return Object.fromEntries(kept);
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

/** Reads a manifest of this kind; the faults say where in the text they are. */
export function parse(text: string, kind: Kind): Parsed {
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
  const metadata = isValues(written.metadata) ? written.metadata : {};
  if (typeof metadata.name !== "string") return at("/metadata/name", "metadata.name must be a text.");
  if (written.spec !== undefined && written.spec !== null && !isValues(written.spec))
    return at("/spec", "spec must be a mapping of fields.");
  return {
    draft: {
      kind,
      name: metadata.name,
      project: typeof metadata.project === "string" ? metadata.project : DEFAULT_PROJECT,
      labels: isValues(metadata.labels) ? (metadata.labels as Record<string, string>) : {},
      spec: isValues(written.spec) ? written.spec : {},
    },
  };
}

/** The spec with one value set; undefined takes the field out. */
export function withValue(values: Values, path: readonly string[], value: unknown): Values {
  const [name, ...rest] = path;
  if (name === undefined) return values;
  const before = values[name];
  const after = rest.length > 0 ? withValue(isValues(before) ? before : {}, rest, value) : value;
  const others = Object.fromEntries(Object.entries(values).filter(([key]) => key !== name));
  return after === undefined ? others : { ...values, [name]: after };
}
