/** What happened in the fleet: changes of intent, hosts that come and go, what fails and recovers. */

import { Button, Card, CardBody, CardHeader, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { FormSelect, FormSelectOption, StackItem, TextInput, Title } from "@patternfly/react-core";
import { ToggleGroup, ToggleGroupItem, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { useState } from "react";
import type { Api } from "../api/client";
import { AppPage } from "../chrome/app-page";
import { saveFile } from "../chrome/save-file";
import { ServerTable } from "../chrome/server-table";
import { useUrlState } from "../chrome/url-state";
import { CopyAs } from "../copy/copy-as";
import { shellWord } from "../copy/shell";
import { KINDS } from "../kinds/kinds";
import { useSession } from "../session/session";
import { COLUMNS } from "./columns";
import "./events.css";
import { asCsv, asJson } from "./export";
import { keyOf, useHeld } from "./held";
import { askedOf, MOST_EXPORTED, readEvents, SPANS, TYPES, useEvents, type Asked, type EventDocument } from "./queries";

export default function EventsPage() {
  const { get } = useUrlState();
  const asked = askedOf(get);
  const page = get("page");
  const { query, waiting, isMore, show } = useHeld(useEvents(asked, page), JSON.stringify([asked, page]));
  return (
    <AppPage title="Events">
      <StackItem>
        <div className="page-heading">
          <Title headingLevel="h1">Events</Title>
          <span className="page-actions">
            <Export asked={asked} />{" "}
            <CopyAs cli={cliOf(asked)} request={{ method: "GET", path: `/v1/events?${new URLSearchParams(asked.filters)}` }} />
          </span>
        </div>
      </StackItem>
      <StackItem>
        <Card component="section" aria-label="Events">
          <CardHeader>
            <Filters />
          </CardHeader>
          <CardBody>
            <div role="status" className="events-new">
              {waiting > 0 && page === "" && (
                <Button variant="link" isInline onClick={show}>
                  Show {waiting}
                  {isMore && "+"} new {waiting === 1 ? "event" : "events"}
                </Button>
              )}
            </div>
            <ServerTable
              label="Events"
              query={query}
              columns={COLUMNS}
              keyOf={keyOf}
              empty={
                <EmptyState headingLevel="h3" variant="sm" titleText="Nothing happened">
                  <EmptyStateBody>
                    Nothing like this is remembered. Try a longer time or fewer filters.
                  </EmptyStateBody>
                </EmptyState>
              }
            />
          </CardBody>
        </Card>
      </StackItem>
    </AppPage>
  );
}

function Filters() {
  const { get, put } = useUrlState();
  const choose = (name: string, value: string) => put({ [name]: value, page: null });
  return (
    <Toolbar>
      <ToolbarContent>
        <ToolbarItem>
          <ToggleGroup aria-label="How far back">
            {SPANS.map(({ key, title }) => (
              <ToggleGroupItem
                key={key}
                text={title}
                isSelected={get("span") === key}
                onChange={() => choose("span", key)}
              />
            ))}
          </ToggleGroup>
        </ToolbarItem>
        <ToolbarItem>
          <FormSelect
            aria-label="Severity"
            value={get("severity")}
            onChange={(_, value) => choose("severity", value)}
          >
            <FormSelectOption value="" label="Any severity" />
            <FormSelectOption value="warning" label="Warnings and errors" />
            <FormSelectOption value="error" label="Errors" />
          </FormSelect>
        </ToolbarItem>
        <ToolbarItem>
          <FormSelect aria-label="Kind" value={get("kind")} onChange={(_, value) => choose("kind", value)}>
            <FormSelectOption value="" label="Any kind" />
            {KINDS.map(({ kind }) => (
              <FormSelectOption key={kind} value={kind} label={kind} />
            ))}
          </FormSelect>
        </ToolbarItem>
        <ToolbarItem>
          <FormSelect aria-label="What" value={get("type")} onChange={(_, value) => choose("type", value)}>
            <FormSelectOption value="" label="Anything" />
            {TYPES.map((type) => (
              <FormSelectOption key={type} value={type} label={type} />
            ))}
          </FormSelect>
        </ToolbarItem>
        {(["host", "name"] as const).map((name) => (
          <ToolbarItem key={name}>
            <Word name={name} key={get(name)} />
          </ToolbarItem>
        ))}
      </ToolbarContent>
    </Toolbar>
  );
}

/** Asked for when it is complete: with Enter, or when the field is left. */
function Word({ name }: { name: "host" | "name" }) {
  const { get, put } = useUrlState();
  const [word, setWord] = useState(get(name));
  const ask = () => word !== get(name) && put({ [name]: word, page: null });
  const title = name === "host" ? "Host" : "Object's name";
  return (
    <form
      className="events-word"
      onSubmit={(event) => {
        event.preventDefault();
        ask();
      }}
    >
      <TextInput aria-label={title} placeholder={title} value={word} onChange={(_, text) => setWord(text)} onBlur={ask} />
    </form>
  );
}

function Export({ asked }: { asked: Asked }) {
  const { api } = useSession();
  const [state, setState] = useState("");
  const save = async (name: string, write: (events: EventDocument[]) => string, type: string) => {
    setState("Reading …");
    try {
      const events = await allEvents(api, asked);
      saveFile(name, write(events), type);
      setState(events.length === MOST_EXPORTED ? `The newest ${MOST_EXPORTED} saved` : `${events.length} saved`);
    } catch (error) {
      setState(error instanceof Error ? error.message : "The events could not be read.");
    }
  };
  return (
    <>
      <span role="status" className="muted">
        {state}
      </span>{" "}
      <Button variant="secondary" onClick={() => void save("events.csv", asCsv, "text/csv")}>
        CSV
      </Button>{" "}
      <Button variant="secondary" onClick={() => void save("events.json", asJson, "application/json")}>
        JSON
      </Button>
    </>
  );
}

async function allEvents(api: Api, asked: Asked): Promise<EventDocument[]> {
  const events: EventDocument[] = [];
  let token = "";
  do {
    const page = await readEvents(api, asked, token, undefined, 500);
    events.push(...page.items);
    token = page.next_page_token;
  } while (token && events.length < MOST_EXPORTED);
  return events.slice(0, MOST_EXPORTED);
}

function cliOf({ filters }: Asked): string {
  const words = Object.entries(filters).map(([name, value]) => `--${name} ${shellWord(value)}`);
  return ["ovsfleet events", ...words].join(" ");
}
