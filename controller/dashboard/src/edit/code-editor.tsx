/** YAML in CodeMirror, and two texts side by side.
 *
 * It lives in a shadow root, because CodeMirror then brings its styles as constructed sheets: a
 * style element would be refused by the content security policy. */

import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { yaml } from "@codemirror/lang-yaml";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit } from "@codemirror/language";
import { syntaxHighlighting } from "@codemirror/language";
import { lintGutter, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { unifiedMergeView } from "@codemirror/merge";
import { highlightSelectionMatches, searchKeymap } from "@codemirror/search";
import { EditorState, type Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, keymap, lineNumbers } from "@codemirror/view";
import { placeholder as placeholderText } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useMemo, useRef } from "react";
import { ASSIST } from "./yaml-assist";

const LOOK = EditorView.theme({
  "&": { color: "var(--pf-t--global--text--color--regular)", fontSize: "0.875rem" },
  "&.cm-focused": { outline: "2px solid var(--pf-t--global--border--color--clicked)" },
  ".cm-scroller": { fontFamily: "var(--pf-t--global--font--family--mono)", lineHeight: "1.5" },
  ".cm-gutters": {
    background: "transparent",
    color: "var(--pf-t--global--text--color--subtle)",
    border: "none",
  },
  ".cm-content": { caretColor: "var(--pf-t--global--text--color--regular)" },
  ".cm-placeholder": { color: "var(--pf-t--global--text--color--subtle)" },
  ".cm-cursor": { borderLeftColor: "var(--pf-t--global--text--color--regular)" },
  ".cm-activeLine, .cm-activeLineGutter": {
    background: "var(--pf-t--global--background--color--action--plain--hover)",
  },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    background: "var(--pf-t--global--background--color--control--default) !important",
    outline: "1px solid var(--pf-t--global--border--color--default)",
  },
  ".cm-tooltip": {
    background: "var(--pf-t--global--background--color--floating--default)",
    color: "var(--pf-t--global--text--color--regular)",
    border: "1px solid var(--pf-t--global--border--color--default)",
  },
  ".cm-tooltip .cm-field, .cm-tooltip.cm-completionInfo": {
    maxWidth: "28rem",
    padding: "0.5rem 0.75rem",
    fontFamily: "var(--pf-t--global--font--family--body)",
  },
  ".cm-tooltip .cm-field p": { margin: "0.25rem 0 0" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": {
    background: "var(--pf-t--global--color--brand--default)",
    color: "var(--pf-t--global--text--color--on-brand--default)",
  },
  ".cm-changedLine": { background: "var(--line-added) !important" },
  ".cm-deletedChunk": { background: "var(--line-removed) !important" },
  ".cm-changedText": { background: "var(--word-added) !important" },
  ".cm-deletedChunk .cm-deletedText": { background: "var(--word-removed) !important" },
});

const COLOURS = HighlightStyle.define([
  { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: "var(--chart-1)" },
  { tag: [tags.string, tags.content], color: "var(--chart-3)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--chart-2)" },
  { tag: tags.comment, color: "var(--pf-t--global--text--color--subtle)" },
]);

/** Without colours of its own: on the tints of a difference they would be too faint. */
const PLAIN: Extension[] = [lineNumbers(), yaml(), LOOK];
const COLOURED: Extension[] = [...PLAIN, syntaxHighlighting(COLOURS)];
const WRITING: Extension[] = [
  ...COLOURED,
  history(),
  drawSelection(),
  indentUnit.of("  "),
  indentOnInput(),
  bracketMatching(),
  highlightActiveLine(),
  highlightSelectionMatches(),
  lintGutter(),
  // Tab indents; Escape and then Tab leaves the editor, as its label says.
  keymap.of([...defaultKeymap, ...historyKeymap, ...searchKeymap, indentWithTab]),
];

function viewIn(host: HTMLElement, doc: string, extensions: Extension[]): EditorView {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const state = EditorState.create({ doc, extensions });
  return new EditorView({ root, parent: root as unknown as Element, state });
}

interface EditorProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  faults: readonly Diagnostic[];
  /** What stands there while nothing is written. */
  placeholder?: string;
}

export function YamlEditor({ label, value, onChange, faults, placeholder = "" }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const changed = useRef(onChange);
  const first = useRef(value);
  // What was typed and has not come back as the value yet: older than what the editor has by now.
  const echoes = useRef<string[]>([]);
  const isTold = useRef(false);
  useEffect(() => {
    changed.current = onChange;
  }, [onChange]);
  useEffect(() => {
    if (!host.current) return;
    const made = viewIn(host.current, first.current, [
      ...WRITING,
      ...ASSIST,
      placeholderText(placeholder),
      EditorView.contentAttributes.of({
        "aria-label": `${label}; Escape and then Tab leaves the editor`,
        // Of a text that is wider than the screen, also those who have no mouse see the end.
        tabindex: "0",
      }),
      EditorView.updateListener.of(({ docChanged, state }) => {
        if (!docChanged || isTold.current) return;
        const typed = state.doc.toString();
        echoes.current.push(typed);
        changed.current(typed);
      }),
    ]);
    view.current = made;
    return () => {
      view.current = null;
      made.destroy();
    };
  }, [label, placeholder]);
  useEffect(() => {
    const made = view.current;
    const echo = echoes.current.indexOf(value);
    echoes.current.splice(0, echo + 1);
    if (!made || echo >= 0 || made.state.doc.toString() === value) return;
    isTold.current = true;
    made.dispatch({ changes: { from: 0, to: made.state.doc.length, insert: value } });
    isTold.current = false;
  }, [value]);
  useEffect(() => {
    const made = view.current;
    if (!made) return;
    const { length } = made.state.doc;
    const within = faults.filter(({ from, to }) => from <= length && to <= length);
    made.dispatch(setDiagnostics(made.state, within));
  }, [faults, value]);
  return <div ref={host} className="code-editor" />;
}

interface DifferenceProps {
  label: string;
  before: string;
  after: string;
}

/** What a change takes out and puts in, line by line; what stays is folded away. */
export function Difference({ label, before, after }: DifferenceProps) {
  const extensions = useMemo(
    () => [
      ...PLAIN,
      unifiedMergeView({
        original: before,
        mergeControls: false,
        collapseUnchanged: { margin: 3, minSize: 6 },
      }),
    ],
    [before],
  );
  return <ReadOnly label={label} text={after} extensions={extensions} />;
}

/** To read and to copy. */
export function YamlText({ label, value }: { label: string; value: string }) {
  return <ReadOnly label={label} text={value} extensions={COLOURED} />;
}

interface ReadOnlyProps {
  label: string;
  text: string;
  extensions: Extension[];
}

function ReadOnly({ label, text, extensions }: ReadOnlyProps) {
  const host = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!host.current) return;
    const made = viewIn(host.current, text, [
      ...extensions,
      EditorState.readOnly.of(true),
      EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
    ]);
    return () => made.destroy();
  }, [label, text, extensions]);
  return <div ref={host} className="code-editor" />;
}
