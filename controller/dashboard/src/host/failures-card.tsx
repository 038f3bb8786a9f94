/** What is not as intended on the host, why, and what can be done about it. */

import { Card, CardBody, CardTitle } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import type { UseQueryResult } from "@tanstack/react-query";
import type { Failure } from "../api/documents";
import { Moment } from "../chrome/moment";
import { QueryState } from "../chrome/query-state";
import { Message } from "../status/message";

/** Who has to act, by the kind of the failure (`ovsfleet.v1.ErrorKind`). */
const WAYS_OUT: Record<string, string> = {
  invalid: "The host cannot do what is asked: change the intent.",
  unsupported: "This host cannot do that: change the intent, or give the host what it lacks.",
  conflict: "Something that is not the fleet's is in the way; it is never touched. Once it is gone the agent goes on by itself.",
  transient: "The agent tries again by itself.",
  datapath: "The switch refused it. The agent tries again by itself; look at ovs-vswitchd's log on the host if it stays.",
  bug: "A fault of the agent: its log on the host says more. It tries again by itself.",
};

export function FailuresCard({ query }: { query: UseQueryResult<Failure[]> }) {
  return (
    <Card component="section" aria-labelledby="failures-title" isFullHeight>
      <CardTitle component="h2" id="failures-title">
        Failures
        {query.data && query.data.length > 0 && <span className="count">{query.data.length}</span>}
      </CardTitle>
      <CardBody>
        <QueryState title="Failures" query={query} height="4rem">
          {(failures) =>
            failures.length === 0 ? (
              <p className="all-well">
                <CheckCircleIcon className="phase-icon phase-ready" aria-hidden="true" />
                Nothing failed on this host.
              </p>
            ) : (
              <ul className="attention">
                {failures.map((failure) => (
                  <Item key={`${failure.resource} ${failure.reason}`} failure={failure} />
                ))}
              </ul>
            )
          }
        </QueryState>
      </CardBody>
    </Card>
  );
}

function Item({ failure }: { failure: Failure }) {
  return (
    <li className="attention-item attention-failed">
      <div className="attention-head">
        <Affected failure={failure} />
        <span className="reason">{failure.reason}</span>
        <span className="muted">
          since <Moment at={failure.since} />
        </span>
      </div>
      <p>
        <Message text={failure.message} />
      </p>
      <p className="muted">{WAYS_OUT[failure.kind]}</p>
    </li>
  );
}

function Affected({ failure: { object, resource } }: { failure: Failure }) {
  if (!object) return <span className="mono">{resource || "a resource of another project"}</span>;
  return (
    <span>
      <span className="muted">{object.kind}</span> <strong>{object.name}</strong>
    </span>
  );
}
