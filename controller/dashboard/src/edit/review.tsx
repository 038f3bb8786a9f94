/** What saving would change, before it does: the API's own dry run. */

import { Alert, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { ApiError } from "../api/client";
import type { ChangeWarning, ProblemError } from "../api/documents";
import { QueryState } from "../chrome/query-state";
import { Message } from "../status/message";
import { Difference } from "./code-editor";
import type { Manifest } from "./drafts";
import { useDifference, type Check } from "./queries";

/** By a rule of intent, or by what is there already. */
const REFUSED = [409, 422];

export function Review({ manifests }: { manifests: Manifest[] }) {
  const query = useDifference(manifests, true);
  if (query.error instanceof ApiError && REFUSED.includes(query.error.status))
    return (
      <EmptyState headingLevel="h3" variant="sm" titleText="It would be refused">
        <EmptyStateBody>Nothing would change. Below is why, and what to do.</EmptyStateBody>
      </EmptyState>
    );
  return (
    <QueryState title="Changes" query={query} height="12rem">
      {(differences) =>
        differences.length === 0 ? (
          <EmptyState headingLevel="h3" variant="sm" titleText="Nothing would change">
            <EmptyStateBody>What is stored is the same already.</EmptyStateBody>
          </EmptyState>
        ) : (
          differences.map(({ kind, project, name, before, after }) => (
            <section key={`${kind} ${project} ${name}`} aria-label={`${kind} ${name}`}>
              <p>
                <strong>
                  {kind} {name}
                </strong>{" "}
                <span className="muted">{actionOf(before, after)}</span>
              </p>
              <Difference label={`Changes of ${kind} ${name}`} before={before} after={after} />
            </section>
          ))
        )
      }
    </QueryState>
  );
}

function actionOf(before: string, after: string): string {
  if (!before) return "will be created";
  return after ? "will be changed" : "will be deleted";
}

interface FindingsProps {
  check: Check;
  /** Of the check and of the write, those that a person is told. */
  errors: readonly ProblemError[];
  /** Whether each field has its errors beside it already. */
  isBesideFields: boolean;
}

/** What the dry run says of the whole: refused, or done with a warning. */
export function Findings({ check, errors, isBesideFields }: FindingsProps) {
  const { refusal, warnings } = check;
  const isBare = refusal !== "" && check.errors.length === 0;
  const others = isBesideFields ? errors.filter(({ pointer }) => !/^\/(spec|metadata)\//.test(pointer)) : errors;
  return (
    <>
      {isBare && <Alert variant="danger" isInline title={<Message text={refusal} />} />}
      {others.map(({ code, detail, fix, pointer }) => (
        <Alert
          key={`${code} ${pointer}`}
          variant="danger"
          isInline
          title={<Message text={pointer ? `${pointer.slice(1).replaceAll("/", ".")}: ${detail}` : detail} />}
        >
          <Message text={fix} />
        </Alert>
      ))}
      <Warnings warnings={warnings} />
    </>
  );
}

/** What is done all the same, and may be regretted. */
export function Warnings({ warnings }: { warnings: readonly ChangeWarning[] }) {
  return warnings.map(({ code, detail, fix, pointer }) => (
    <Alert key={`${code} ${pointer} ${detail}`} variant="warning" isInline title={<Message text={detail} />}>
      <Message text={fix} />
    </Alert>
  ));
}
