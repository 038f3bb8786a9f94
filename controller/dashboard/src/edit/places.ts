/** Which field of a manifest a place in a YAML text belongs to. Pure.
 *
 * Told by indentation alone: a text that is being written is seldom YAML at that moment. */

import { infoOf, isKind, KINDS, type Kind } from "../kinds/kinds";
import { fieldsOf, type Field } from "./fields";

export interface Place {
  kind: Kind | null;
  /** The keys around the place, outermost first. */
  path: string[];
  /** Of whose value it is; null: a key is being written. */
  key: string | null;
  /** Where the word that is being written begins. */
  from: number;
}

const KEY = /^((?:\s|- )*)([\w.-]+):(?:\s|$)/;
const WORD = /^((?:\s|- )*)[\w.-]*$/;
const VALUE = /^((?:\s|- )*)([\w.-]+):\s+[\w.-]*$/;

/** Null within comments, within `{…}`, and behind a finished value. */
export function placeAt(text: string, offset: number): Place | null {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const written = text.slice(start, offset);
  const [, before = "", key] = VALUE.exec(written) ?? WORD.exec(written) ?? [];
  if (!VALUE.test(written) && !WORD.test(written)) return null;
  const word = /[\w.-]*$/.exec(written.slice(before.length))?.[0] ?? "";
  const path = pathAbove(text.slice(0, start), before.length);
  return { kind: kindAround(text, offset), path, key: key ?? null, from: offset - word.length };
}

/** The keys that a line is below, by how far it is indented. */
function pathAbove(above: string, column: number): string[] {
  const path: string[] = [];
  let left = column;
  for (const line of above.split("\n").reverse()) {
    if (line.startsWith("---") || left === 0) break;
    const [, before = "", key] = KEY.exec(line) ?? [];
    if (key === undefined || before.length >= left) continue;
    path.unshift(key);
    left = before.length;
  }
  return path;
}

function kindAround(text: string, offset: number): Kind | null {
  const from = text.lastIndexOf("\n---", offset - 1);
  const to = text.indexOf("\n---", offset);
  const document = text.slice(Math.max(from, 0), to < 0 ? undefined : to);
  const [, kind = ""] = /^kind:\s*["']?(\w+)/m.exec(document) ?? [];
  return isKind(kind) ? kind : null;
}

type Known = Pick<Field, "name" | "description" | "type"> & Partial<Field>;

const TOP: Known[] = [
  { name: "kind", description: "What it is.", type: "choice", options: KINDS.map(({ kind }) => kind) },
  { name: "metadata", description: "How it is called.", type: "object" },
  { name: "spec", description: "What is intended.", type: "object" },
];
const NAME: Known = { name: "name", description: "How other objects call it. Fixed.", type: "text" };
const LABELS: Known = { name: "labels", description: "Words of yours, to find and to choose it by.", type: "map" };
const PROJECT: Known = { name: "project", description: "Whose it is; `default` when it is left out. Fixed.", type: "text" };

/** What may stand below the keys. */
export function fieldsBelow(kind: Kind | null, [part, ...rest]: readonly string[]): Known[] {
  if (part === undefined) return TOP;
  if (kind === null) return [];
  if (part === "metadata") return rest.length > 0 ? [] : [NAME, LABELS, ...(infoOf(kind).ofProjects ? [PROJECT] : [])];
  if (part !== "spec") return [];
  return rest.reduce<Known[]>((fields, step) => {
    const found = fields.find(({ name }) => name === step);
    return found?.fields ?? found?.items?.fields ?? [];
  }, fieldsOf(kind));
}

export const fieldOf = (kind: Kind | null, path: readonly string[], key: string): Known | undefined =>
  fieldsBelow(kind, path).find(({ name }) => name === key);

/** The words that a field takes, where they can be told. */
export function wordsOf({ type, options, words = [], items }: Known): string[] {
  if (type === "boolean") return ["true", "false"];
  return [...(options ?? items?.options ?? []), ...words];
}

/** What a field takes, in a word or two. */
export function takes({ type, words = [], items }: Known): string {
  if (type === "list") return items?.type === "object" ? "list of groups" : `list of ${items?.type ?? "values"}s`;
  return [type === "object" ? "group" : type, ...words].join(" or ");
}
