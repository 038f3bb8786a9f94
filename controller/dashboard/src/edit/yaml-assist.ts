/** Help while a manifest is written: names of fields and their words to choose from, and what a field
 * means, when the pointer rests on it. */

import { autocompletion, type Completion, type CompletionContext } from "@codemirror/autocomplete";
import { hoverTooltip, type Tooltip } from "@codemirror/view";
import type { Extension } from "@codemirror/state";
import { fieldOf, fieldsBelow, placeAt, takes, wordsOf, type Place } from "./places";

/** Longer texts are files of many objects, where a keystroke is not to cost a walk through all. */
const MOST_CHARACTERS = 200_000;

export const ASSIST: Extension[] = [
  autocompletion({ override: [complete], icons: false }),
  hoverTooltip((view, offset) => {
    const { doc } = view.state;
    const line = doc.lineAt(offset);
    const [, before = "", key = ""] = /^((?:\s|- )*)([\w.-]+):/.exec(line.text) ?? [];
    const from = line.from + before.length;
    const to = from + key.length;
    if (!key || offset < from || offset > to || doc.length > MOST_CHARACTERS) return null;
    const place = placeAt(doc.toString(), to);
    const field = place && fieldOf(place.kind, place.path, key);
    if (!field) return null;
    return { pos: from, end: to, above: true, create: () => ({ dom: described(key, takes(field), field.description) }) } satisfies Tooltip;
  }),
];

function described(key: string, what: string, description: string): HTMLElement {
  const dom = document.createElement("div");
  dom.className = "cm-field";
  const head = document.createElement("strong");
  head.textContent = key;
  dom.append(head, ` ${what}`);
  if (description) {
    const words = document.createElement("p");
    words.textContent = description.replaceAll("`", "");
    dom.append(words);
  }
  return dom;
}

function complete({ state, pos, explicit }: CompletionContext) {
  if (state.doc.length > MOST_CHARACTERS) return null;
  const place = placeAt(state.doc.toString(), pos);
  // A line that is still empty is left alone, unless a person asks.
  if (!place || (!explicit && place.key === null && place.from === pos)) return null;
  return { from: place.from, options: optionsAt(place), validFor: /^[\w.-]*$/ };
}

function optionsAt({ kind, path, key }: Place): Completion[] {
  if (key !== null) {
    const field = fieldOf(kind, path, key);
    return field ? wordsOf(field).map((label) => ({ label })) : [];
  }
  const list = path.length > 0 ? fieldOf(kind, path.slice(0, -1), path.at(-1) ?? "") : undefined;
  if (list?.items?.options) return list.items.options.map((label) => ({ label }));
  return fieldsBelow(kind, path).map((field) => ({
    label: field.name,
    detail: takes(field),
    info: field.description.replaceAll("`", ""),
    apply: ["object", "map", "list"].includes(field.type) ? `${field.name}:` : `${field.name}: `,
  }));
}
