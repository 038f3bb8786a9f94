/** Goes anywhere by typing: pages, things to do, and every object of the fleet.
 *
 * A combobox as WAI-ARIA has it: the focus stays in the field, and arrow keys move what is chosen in
 * the list below it. */

import { Modal, ModalBody, ModalHeader, SearchInput } from "@patternfly/react-core";
import { useEffect, useState, type KeyboardEvent } from "react";
import { useLocation } from "wouter";
import { useSettled } from "../edit/queries";
import { useWhoAmI } from "../session/whoami";
import { PhaseLabel } from "../status/phase";
import { groupsOf, type Entry, type Group } from "./entries";
import "./palette.css";
import { useSearch } from "./queries";
import { recentEntries, remember } from "./recent";

const FIELD = "palette-field";
const LIST = "palette-list";
const PAUSE_MS = 120;

const idOf = (href: string) => `palette ${href}`.replaceAll(/\s/g, "-");

interface Props {
  /** What is looked for; some of it may have been typed before this was there. */
  words: string;
  setWords: (words: string) => void;
  close: () => void;
}

export default function Palette({ words, setWords, close }: Props) {
  const [, navigate] = useLocation();
  const [recent] = useState(recentEntries);
  const [pointed, setPointed] = useState("");
  const writable = useWhoAmI().data?.may.write ?? [];
  const search = useSearch(useSettled(words, PAUSE_MS));
  const groups = groupsOf({ words, recent, writable, found: search.data?.items ?? [] });
  const entries = groups.flatMap((group) => group.entries);
  const active = entries.find(({ href }) => href === pointed) ?? entries[0];

  useEffect(() => {
    if (active) document.getElementById(idOf(active.href))?.scrollIntoView({ block: "nearest" });
  }, [active]);

  const go = (entry: Entry) => {
    remember(entry);
    close();
    navigate(entry.href);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && active) go(active);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step || !active) return;
    event.preventDefault();
    const next = entries.at((entries.indexOf(active) + step) % entries.length);
    if (next) setPointed(next.href);
  };
  return (
    <Modal isOpen onClose={close} variant="medium" position="top" aria-labelledby="palette-title" elementToFocus={`#${FIELD}`}>
      <ModalHeader title="Search" labelId="palette-title" />
      <ModalBody>
        <SearchInput
          searchInputId={FIELD}
          aria-label="Search pages, actions and objects"
          inputProps={{
            role: "combobox",
            "aria-expanded": entries.length > 0,
            "aria-controls": LIST,
            "aria-autocomplete": "list",
            "aria-activedescendant": active && idOf(active.href),
            autoComplete: "off",
          }}
          placeholder="Name, address, VNI, label (key=value) or page"
          value={words}
          onChange={(_, value) => {
            setWords(value);
            setPointed("");
          }}
          onClear={() => setWords("")}
          onKeyDown={onKeyDown}
        />
        <Results groups={groups} active={active} go={go} />
        <p role="status" className="muted detail palette-state">
          {stateOf(words, entries.length, search)}
        </p>
      </ModalBody>
    </Modal>
  );
}

interface ResultsProps {
  groups: Group[];
  active: Entry | undefined;
  go: (entry: Entry) => void;
}

function Results({ groups, active, go }: ResultsProps) {
  return (
    <div id={LIST} role="listbox" aria-label="Found" className="palette-list">
      {groups.map(({ title, entries }) => (
        <div key={title} role="group" aria-label={title}>
          <p className="palette-group" aria-hidden="true">
            {title}
          </p>
          {entries.map((entry) => (
            <div
              key={entry.href}
              id={idOf(entry.href)}
              role="option"
              aria-selected={entry === active}
              className={entry === active ? "palette-entry palette-active" : "palette-entry"}
              onClick={() => go(entry)}
            >
              <span>{entry.title}</span>
              <span className="muted detail">{entry.note}</span>
              {entry.phase && <PhaseLabel phase={entry.phase} />}
            </div>
          ))}
        </div>
      ))}
    </div>
  );
}

const KEYS = "Arrow keys choose, Enter opens, Escape closes.";

function stateOf(words: string, count: number, { data, error, isFetching }: ReturnType<typeof useSearch>): string {
  if (words.trim() === "") return KEYS;
  if (error) return `Objects could not be looked for: ${error.message}`;
  if (isFetching || !data) return "Looking through the fleet …";
  if (count === 0) return "Nothing found by name, UID, address, MAC address, VNI, interface, iface-id or label.";
  return data.truncated ? "There is more than this: type more letters." : KEYS;
}
