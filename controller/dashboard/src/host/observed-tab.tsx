/** What the host is like now, beside what is intended of it: its agent looks, and changes nothing. */

import { Button, Card, CardBody, CardHeader, CardTitle, Label } from "@patternfly/react-core";
import { Alert, Skeleton, Stack, StackItem, ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { ApiError } from "../api/client";
import { useObserved, type Observed, type ObservedItem } from "../api/host-queries";
import { Moment } from "../chrome/moment";
import { PagedTable, type Column } from "../chrome/paged-table";
import { Forbidden } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
import { CopyAs } from "../copy/copy-as";
import { shellWord } from "../copy/shell";
import { useWhoAmI } from "../session/whoami";
import { Message } from "../status/message";
import { Affected } from "./affected";
import { DesiredCard } from "./desired-card";
import { Differences } from "./differences";
import { pathOfHost } from "./requests";
import type { HostTabProps } from "./tabs";

type State = ObservedItem["state"];

const STATES: Record<State, { text: string; color: "green" | "orange" | "red" | "purple" }> = {
  as_intended: { text: "as intended", color: "green" },
  differs: { text: "differs", color: "orange" },
  missing: { text: "missing", color: "orange" },
  foreign: { text: "foreign", color: "purple" },
  unsupported: { text: "unsupported", color: "purple" },
  failed: { text: "failed", color: "red" },
};

const ORDER: State[] = ["failed", "missing", "differs", "foreign", "unsupported", "as_intended"];

const COLUMNS: Column<ObservedItem>[] = [
  { title: "What", className: "object-cell", cell: (item) => <Affected {...item} /> },
  {
    title: "State",
    cell: ({ state }) => (
      <Label isCompact color={STATES[state].color}>
        {STATES[state].text}
      </Label>
    ),
  },
  {
    title: "Difference",
    cell: ({ differences }) => <Differences differences={differences} />,
    className: "reason-cell",
  },
  {
    title: "Why",
    cell: ({ reason, message }) => (
      <>
        {reason && <span className="reason">{reason}</span>} <Message text={message} />
      </>
    ),
    className: "reason-cell",
  },
];

export function ObservedTab({ host }: HostTabProps) {
  const who = useWhoAmI().data;
  if (!who) return <Skeleton height="8rem" screenreaderText="Loading what this token may see" />;
  if (!who.may.inspect)
    return (
      <Forbidden
        title="Desired and observed states"
        reason="They mix the projects that meet on a host, and this token does not reach all of them."
      />
    );
  return <Both name={host.metadata.name} />;
}

function Both({ name }: { name: string }) {
  const query = useObserved(name);
  return (
    <Stack hasGutter>
      <StackItem>
        <Card component="section" aria-labelledby="observed-title">
          <CardHeader
            hasWrap
            actions={{
              hasNoOffset: true,
              actions: (
                <>
                  <Button
                    variant="secondary"
                    isLoading={query.isFetching}
                    isDisabled={query.isFetching}
                    onClick={() => void query.refetch()}
                  >
                    Look again
                  </Button>
                  <CopyAs
                    cli={`ovsfleet diff --observed ${shellWord(name)}`}
                    request={{ method: "GET", path: `${pathOfHost(name)}/observed` }}
                  />
                </>
              ),
            }}
          >
            <CardTitle component="h2" id="observed-title">
              As it is on the host
            </CardTitle>
          </CardHeader>
          <CardBody>
            <Look query={query} />
          </CardBody>
        </Card>
      </StackItem>
      <StackItem>
        <DesiredCard name={name} />
      </StackItem>
    </Stack>
  );
}

function Look({ query }: { query: ReturnType<typeof useObserved> }) {
  const { data, error } = query;
  if (error instanceof ApiError && error.status === 403) return <Forbidden title="Observed states" reason={error.message} />;
  if (error)
    return (
      <Alert variant="warning" isInline title="The host could not be asked">
        <Message text={error.message} />
      </Alert>
    );
  if (!data)
    return (
      <>
        <p className="muted" role="status">
          The host’s agent is looking, for up to 10 seconds …
        </p>
        <Skeleton height="8rem" screenreaderText="The host's agent is looking" />
      </>
    );
  return <Found observed={data} />;
}

function Found({ observed }: { observed: Observed }) {
  const { get, put } = useUrlState();
  const { counts, items, truncated, revision, received_at: at } = observed;
  const state = get("state");
  const shown = items.filter((item) => !state || item.state === state);
  if (revision === 0) return <p>The host has accepted no state yet: there is nothing to compare it with.</p>;
  return (
    <>
      <p className="told">
        Looked <Moment at={at} />, compared with revision <span className="number">{revision}</span>, the last that the
        host accepted.
      </p>
      <ToggleGroup aria-label="Only one state" isCompact className="observed-states">
        <ToggleGroupItem text="All" isSelected={!state} onChange={() => put({ state: null })} />
        {ORDER.filter((each) => counts[each] > 0).map((each) => (
          <ToggleGroupItem
            key={each}
            text={`${counts[each]} ${STATES[each].text}`}
            isSelected={state === each}
            onChange={() => put({ state: each })}
          />
        ))}
      </ToggleGroup>
      {shown.length > 0 ? (
        <PagedTable key={state} label="What was looked at" columns={COLUMNS} items={shown} keyOf={({ resource }) => resource} />
      ) : (
        <p className="muted">{items.length === 0 ? "Nothing is intended of this host." : "None of the listed is in this state."}</p>
      )}
      {truncated && <p className="muted">Not all of it is listed; the counts are of everything.</p>}
    </>
  );
}
