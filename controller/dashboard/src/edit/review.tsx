/** What saving would change, before it does: the API's own dry run. */

import { Alert, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { QueryState } from "../chrome/query-state";
import { Message } from "../status/message";
import { Difference } from "./code-editor";
import type { Manifest } from "./drafts";
import { useDifference, type Check } from "./queries";

export function Review({ manifests }: { manifests: Manifest[] }) {
  const query = useDifference(manifests, true);
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

/** What the dry run says of the whole: refused, or done with a warning. */
export function Findings({ check }: { check: Check | undefined }) {
  if (!check) return null;
  // What belongs to a field stands beside it in the form.
  const others = check.errors.filter(({ pointer }) => !/^\/(spec|metadata)\//.test(pointer));
  const isBare = check.refusal !== "" && check.errors.length === 0;
  return (
    <>
      {isBare && <Alert variant="danger" isInline title={check.refusal} />}
      {others.map(({ code, detail, fix, pointer }) => (
        <Alert key={`${code} ${pointer}`} variant="danger" isInline title={<Message text={detail} />}>
          <Message text={fix} />
        </Alert>
      ))}
      {check.warnings.map(({ code, detail, fix, pointer }) => (
        <Alert key={`${code} ${pointer}`} variant="warning" isInline title={<Message text={detail} />}>
          <Message text={fix} />
        </Alert>
      ))}
    </>
  );
}
