/** Where in a YAML text something stands that the API names by a pointer. Pure. */

import { isMap, isPair, isScalar, isSeq, Lexer, parseAllDocuments, type Document, type Node, type Pair } from "yaml";

export interface ParseFault {
  /** Offsets into the text. */
  from: number;
  to: number;
  message: string;
}

export interface Manifests {
  documents: Document.Parsed[];
  /** What keeps the text from being YAML at all. */
  faults: ParseFault[];
}

/** The documents of a text as the API counts them: those without anything in them do not count. */
export function read(text: string): Manifests {
  const parsed = parseAllDocuments(text, { prettyErrors: false, version: "1.2" });
  const all = Array.isArray(parsed) ? parsed : [];
  const documents = all.filter(({ contents }) => contents !== null && !isNothing(contents));
  const faults = all.flatMap(({ errors }) =>
    errors.map(({ pos: [from, to], message }) => ({ from, to: Math.max(to, from + 1), message })),
  );
  return { documents, faults };
}

const isNothing = (node: Node): boolean => isScalar(node) && node.value === null && !node.source;

/** Whether there are words in it that only its reader sees. */
export function hasComments(text: string): boolean {
  const tokens = [...new Lexer().lex(text)];
  return tokens.some((token, index) => token.startsWith("#") && tokens[index - 1] !== SCALAR);
}

/** By which the lexer announces a value. */
const SCALAR = "\u001f";

/** From 1, as editors and the API count. */
export const lineOf = (text: string, offset: number): number => text.slice(0, offset).split("\n").length;

export const stepsOf = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

export interface Range {
  from: number;
  to: number;
}

/** Of the value that the steps lead to; of the key of what is nearest around it when there is none. */
export function rangeOf(document: Document.Parsed, steps: readonly string[]): Range {
  let node: unknown = document.contents;
  let nearest: unknown = firstKey(node);
  for (const step of steps) {
    const pair = childOf(node, step);
    if (pair === undefined) return rangeOfNode(nearest);
    node = isPair(pair) ? pair.value : pair;
    nearest = isPair(pair) ? pair.key : pair;
  }
  return isScalar(node) ? rangeOfNode(node) : rangeOfNode(nearest);
}

function childOf(node: unknown, step: string): Pair | Node | undefined {
  if (isMap(node)) return node.items.find(({ key }) => isScalar(key) && String(key.value) === step);
  if (isSeq(node)) return node.items[Number(step)] as Node | undefined;
  return undefined;
}

const firstKey = (node: unknown): unknown => (isMap(node) ? (node.items[0]?.key ?? node) : node);

function rangeOfNode(node: unknown): Range {
  const [from = 0, to = from] = (node as Node | null)?.range ?? [];
  return { from, to: Math.max(to, from + 1) };
}

/** What is wrong with a request of many documents, where it stands: `/objects/2/spec/mtu`. */
export function faultAt(documents: Document.Parsed[], pointer: string, message: string): ParseFault | null {
  const [top, index, ...steps] = stepsOf(pointer);
  const document = top === "objects" ? documents[Number(index)] : undefined;
  return document ? { ...rangeOf(document, steps), message } : null;
}
