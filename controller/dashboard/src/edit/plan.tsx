/** What applying a text would do, object by object, before it is done. */

import { Alert, Card, CardBody, CardTitle, ExpandableSection, Pagination } from "@patternfly/react-core";
import { Spinner } from "@patternfly/react-core";
import type { UseQueryResult } from "@tanstack/react-query";
import { useState } from "react";
import { QueryState } from "../chrome/query-state";
import { DEFAULT_PROJECT } from "../kinds/kinds";
import { Message } from "../status/message";
import { useTextDifferences, type ObjectResult, type Plan } from "./apply-queries";
import { Difference } from "./code-editor";
import { lineOf, type ParseFault } from "./positions";
import { Warnings } from "./review";

const PER_PAGE = 20;
const MOST_FAULTS = 20;

interface Props {
  text: string;
  query: UseQueryResult<Plan>;
  isCurrent: boolean;
  /** Of the errors of the plan, those that have a place in the text. */
  marks: readonly ParseFault[];
}

export function PlanCard({ text, query, isCurrent, marks }: Props) {
  return (
    <Card component="section" aria-labelledby="plan-title">
      <CardTitle component="h2" id="plan-title">
        What would happen
        {!isCurrent && query.data && <span className="muted plan-checking">is being asked again…</span>}
      </CardTitle>
      <CardBody>
        {query.isPending ? (
          <p role="status">
            <Spinner size="md" aria-hidden="true" /> Asking the controller what would change…
          </p>
        ) : (
          <QueryState title="Changes" query={query}>
            {(plan) => (plan.result ? <Planned text={text} plan={plan} /> : <Refused text={text} plan={plan} marks={marks} />)}
          </QueryState>
        )}
      </CardBody>
    </Card>
  );
}

function Refused({ text, plan, marks }: { text: string; plan: Plan; marks: readonly ParseFault[] }) {
  const others = plan.errors.filter(({ pointer }) => !/^\/(objects|prune)\//.test(pointer));
  return (
    <>
      {marks.length > 0 && <FaultList title="The controller would refuse it" text={text} faults={marks} />}
      {(others.length > 0 || marks.length === 0) && (
        <Alert variant="danger" isInline title={<Message text={plan.refusal} />}>
          {others.map(({ code, detail, fix }) => (
            <p key={`${code} ${detail}`}>
              <Message text={fix ? `${detail}: ${fix}` : detail} />
            </p>
          ))}
        </Alert>
      )}
    </>
  );
}

interface FaultListProps {
  title: string;
  text: string;
  faults: readonly ParseFault[];
}

export function FaultList({ title, text, faults }: FaultListProps) {
  return (
    <Alert variant="danger" isInline isLiveRegion title={title}>
      <ul className="fault-list">
        {faults.slice(0, MOST_FAULTS).map(({ from, message }) => (
          <li key={`${from} ${message}`}>
            <span className="muted">Line {lineOf(text, from)}: </span>
            <Message text={message.replace(/ \(line \d+\)$/, "")} />
          </li>
        ))}
      </ul>
      {faults.length > MOST_FAULTS && <p>And {faults.length - MOST_FAULTS} more.</p>}
    </Alert>
  );
}

const WILL = {
  created: "will be created",
  updated: "will be changed",
  unchanged: "stays as it is",
  deleted: "will be deleted",
} as const;

function Planned({ text, plan: { result } }: { text: string; plan: Plan }) {
  const [page, setPage] = useState(1);
  const { results = [], warnings = [] } = result ?? {};
  const changes = results.filter(({ action }) => action !== "unchanged");
  const last = Math.max(1, Math.ceil(changes.length / PER_PAGE));
  const current = Math.min(page, last);
  return (
    <>
      <p role="status">{summaryOf(results)}</p>
      <Warnings warnings={warnings} />
      {changes.slice((current - 1) * PER_PAGE, current * PER_PAGE).map((change) => (
        <PlannedObject key={idOf(change)} change={change} text={text} />
      ))}
      {changes.length > PER_PAGE && (
        <Pagination
          isCompact
          itemCount={changes.length}
          page={current}
          perPage={PER_PAGE}
          perPageOptions={[]}
          onSetPage={(_, wanted) => setPage(wanted)}
          titles={{ paginationAriaLabel: "Pages of the changes" }}
        />
      )}
    </>
  );
}

const idOf = ({ kind, project, name }: { kind: string; project: string; name: string }) =>
  `${kind} ${project} ${name}`;

/** "3 will be created, 1 stays as it is." */
export function summaryOf(results: readonly ObjectResult[]): string {
  const counts = (["created", "updated", "deleted", "unchanged"] as const)
    .map((action) => [action, results.filter((result) => result.action === action).length] as const)
    .filter(([, count]) => count > 0)
    .map(([action, count]) => `${count} ${count > 1 && action === "unchanged" ? "stay as they are" : WILL[action]}`);
  return counts.length > 0 ? `${counts.join(", ")}.` : "Nothing would change.";
}

function PlannedObject({ change, text }: { change: ObjectResult; text: string }) {
  const [isOpen, setOpen] = useState(false);
  const { kind, project, name, action } = change;
  const title = `${kind} ${project && project !== DEFAULT_PROJECT ? `${project}/` : ""}${name}`;
  if (action === "deleted")
    return (
      <p className="plan-deleted">
        {title} <span className="muted">{WILL.deleted}</span>
      </p>
    );
  return (
    <ExpandableSection toggleText={`${title} ${WILL[action]}`} isExpanded={isOpen} onToggle={(_, wanted) => setOpen(wanted)}>
      {isOpen && <ObjectDifference text={text} id={idOf(change)} />}
    </ExpandableSection>
  );
}

function ObjectDifference({ text, id }: { text: string; id: string }) {
  const query = useTextDifferences(text, true);
  return (
    <QueryState title="Differences" query={query}>
      {(differences) => {
        const found = differences.find((difference) => idOf(difference) === id);
        if (!found) return <p className="muted">It is the same as what is stored by now.</p>;
        return <Difference label={`Changes of ${id}`} before={found.before} after={found.after} />;
      }}
    </QueryState>
  );
}
