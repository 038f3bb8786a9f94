/** What waits for a person, the most urgent first: why, since when, and what to do. */

import { Card, CardBody, CardTitle } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { useFleet } from "../api/queries";
import { Moment } from "../chrome/moment";
import { QueryState } from "../chrome/query-state";
import { TablePages } from "../chrome/table-pages";
import { useUrlState } from "../chrome/url-state";
import { Fix } from "../copy/fix";
import { DEFAULT_PROJECT, infoOf } from "../kinds/kinds";
import { ObjectLink } from "../kinds/object-link";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import { useAttention, type AttentionItem } from "./queries";

const PAGE = "waiting";

export function AttentionCard() {
  const { get } = useUrlState();
  const query = useAttention(get(PAGE));
  const total = query.data?.total ?? 0;
  return (
    <Card component="section" aria-labelledby="attention-title" isFullHeight>
      <CardTitle component="h2" id="attention-title">
        Needs attention{total > 0 && <span className="count number">{total}</span>}
      </CardTitle>
      <CardBody>
        <QueryState title="Things that need attention" query={query} height="12rem">
          {({ items, next_page_token }) =>
            items.length === 0 && !get(PAGE) ? (
              <AllWell />
            ) : (
              <>
                <ul className="attention">
                  {items.map((item) => (
                    <Item key={`${item.uid} ${item.reason}`} item={item} />
                  ))}
                </ul>
                {items.length === 0 && <p className="muted">Nothing more waits.</p>}
                <TablePages
                  of="things that need attention"
                  name={PAGE}
                  next={next_page_token}
                  isLoading={query.isPlaceholderData}
                />
              </>
            )
          }
        </QueryState>
      </CardBody>
    </Card>
  );
}

/** What is merely under way waits for nobody, and is not as intended yet. */
function AllWell() {
  const fleet = useFleet().data;
  const pending = fleet ? fleet.hosts.pending + fleet.segments.pending + fleet.ports.pending : 0;
  return (
    <p className="all-well">
      <CheckCircleIcon className="phase-icon phase-ready" aria-hidden="true" />
      {pending > 0 ? "Nothing waits for a person. What is pending is under way." : "Everything is as intended."}
    </p>
  );
}

function Item({ item }: { item: AttentionItem }) {
  const { kind, name, project, host, phase, reason, message, since, fix } = item;
  const { noun, ofProjects } = infoOf(kind);
  return (
    <li className={`attention-item attention-${phase.toLowerCase()}`}>
      <div className="attention-head">
        <span>
          <span className="muted">{noun}</span>{" "}
          <strong>
            <ObjectLink kind={kind} name={name} project={project} />
          </strong>
          {ofProjects && project !== DEFAULT_PROJECT && <span className="muted"> in project {project}</span>}
          {host && kind !== "Host" && (
            <span className="muted">
              {" "}
              on <ObjectLink kind="Host" name={host} />
            </span>
          )}
        </span>
        <PhaseLabel phase={phase} />
        <span className="muted attention-since">
          since <Moment at={since} />
        </span>
      </div>
      <p>
        <span className="reason">{reason}</span> <Message text={message} />
      </p>
      {fix && (
        <p className="attention-fix">
          <Fix text={fix} />
        </p>
      )}
    </li>
  );
}
