/** What is shown of the fleet: by what hosts are grouped, which hosts, which segment stands out. */

import { FormSelect, FormSelectOption, SearchInput, Switch, TextInput } from "@patternfly/react-core";
import { Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { useState } from "react";
import type { Topology, TopologyNode, TopologySegment } from "./graph";
import { choosing, type View } from "./view-state";

const LABEL = "label:";
const GROUPINGS = [
  { value: "auto", label: "Grouped as fits" },
  { value: "host", label: "Each host" },
  { value: "zone", label: "By transport zone" },
  { value: "group", label: "By host group" },
  { value: LABEL, label: "By a label" },
];

export interface Finding {
  words: string;
  matches: TopologyNode[];
  setWords: (words: string) => void;
}

interface Props {
  view: View;
  topology: Topology | undefined;
  segments: TopologySegment[];
  finding: Finding;
}

export function Controls({ view, topology, segments, finding }: Props) {
  return (
    <Toolbar className="topology-controls">
      <ToolbarContent>
        <GroupBy view={view} topology={topology} />
        <ToolbarItem>
          <Selector key={view.whole.label_selector} view={view} />
        </ToolbarItem>
        <Segment view={view} segments={segments} />
        <ToolbarItem>
          <Find view={view} finding={finding} />
        </ToolbarItem>
      </ToolbarContent>
    </Toolbar>
  );
}

function GroupBy({ view, topology }: Pick<Props, "view" | "topology">) {
  const { group_by } = view.whole;
  const isLabel = group_by.startsWith(LABEL);
  const [isAsked, setAsked] = useState(isLabel);
  const regroup = (wanted: string) =>
    view.put({ group_by: wanted === "auto" ? null : wanted, within: null, ...choosing(null) }, true);
  const keys = new Set(topology?.nodes.flatMap(({ labels }) => Object.keys(labels)));
  return (
    <>
      <ToolbarItem>
        <FormSelect
          aria-label="Group hosts"
          value={isLabel || isAsked ? LABEL : group_by}
          onChange={(_, wanted) => {
            setAsked(wanted === LABEL);
            if (wanted !== LABEL) regroup(wanted);
          }}
        >
          {GROUPINGS.map(({ value, label }) => (
            <FormSelectOption key={value} value={value} label={label} />
          ))}
        </FormSelect>
      </ToolbarItem>
      {(isLabel || isAsked) && (
        <ToolbarItem>
          <Typed
            key={group_by}
            label="Key of the label"
            placeholder="rack"
            value={isLabel ? group_by.slice(LABEL.length) : ""}
            offered={[...keys].sort()}
            onEnter={(key) => key && regroup(LABEL + key)}
          />
        </ToolbarItem>
      )}
    </>
  );
}

function Selector({ view }: { view: View }) {
  return (
    <Typed
      label="Hosts with labels"
      placeholder="Labels: rack=r1,tier in (a,b)"
      value={view.whole.label_selector ?? ""}
      onEnter={(wanted) => view.put({ label_selector: wanted, ...choosing(null) }, true)}
    />
  );
}

const LIST = "topology-segments";

function Segment({ view, segments }: { view: View; segments: TopologySegment[] }) {
  const { segment, isAlone } = view;
  const chosen = segment ? titleOf(segment) : "";
  const choose = (title: string) => {
    const found = segments.find((each) => titleOf(each) === title);
    const [project, name] = title.includes("/") ? title.split("/", 2) : [undefined, title];
    view.put({ segment: found?.name ?? name, project: found?.project ?? project, alone: null }, true);
  };
  return (
    <>
      <ToolbarItem>
        <Typed
          key={chosen}
          id={LIST}
          label="Segment to stand out"
          placeholder="Segment"
          value={chosen}
          offered={segments.map(titleOf)}
          onEnter={choose}
        />
      </ToolbarItem>
      {segment && (
        <ToolbarItem alignSelf="center">
          <Switch
            id="topology-alone"
            label="Only its hosts"
            isChecked={isAlone}
            onChange={(_, alone) => view.put({ alone: alone ? "1" : null, ...choosing(null) }, true)}
          />
        </ToolbarItem>
      )}
    </>
  );
}

export const titleOf = ({ project, name }: { project: string; name: string }): string => `${project}/${name}`;

interface TypedProps {
  id?: string;
  label: string;
  placeholder: string;
  value: string;
  offered?: string[];
  onEnter: (value: string) => void;
}

/** Text that counts once it is finished: entered, chosen from what is offered, or left. */
function Typed({ id = "topology-keys", label, placeholder, value, offered = [], onEnter }: TypedProps) {
  const [text, setText] = useState(value);
  const finish = (finished: string) => {
    if (finished.trim() !== value) onEnter(finished.trim());
  };
  return (
    <>
      <TextInput
        type="search"
        aria-label={label}
        placeholder={placeholder}
        autoComplete="off"
        list={offered.length > 0 ? id : undefined}
        value={text}
        onChange={(_, typed) => {
          setText(typed);
          if (offered.includes(typed) || typed === "") finish(typed);
        }}
        onBlur={() => finish(text)}
        onKeyDown={({ key }) => {
          if (key === "Enter") finish(text);
        }}
      />
      {offered.length > 0 && (
        <datalist id={id}>
          {offered.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
      )}
    </>
  );
}

function Find({ view, finding: { words, matches, setWords } }: { view: View; finding: Finding }) {
  const at = matches.findIndex(({ id }) => id === view.choice?.at && view.choice.to === null);
  const go = (step: number) => {
    const next = matches[(at + step + matches.length) % matches.length];
    if (next) view.put(choosing({ at: next.id, to: null }));
  };
  return (
    <SearchInput
      aria-label="Find in the graph"
      placeholder="Find a name or label"
      value={words}
      onChange={(_, typed) => setWords(typed)}
      onClear={() => setWords("")}
      onSearch={() => go(1)}
      {...(words && { resultsCount: matches.length ? `${at + 1} / ${matches.length}` : "none" })}
      {...(matches.length > 0 && { onNextClick: () => go(1), onPreviousClick: () => go(at < 0 ? 0 : -1) })}
    />
  );
}
