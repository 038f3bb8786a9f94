import { Button, Card, CardBody, CardTitle, ClipboardCopy, Skeleton } from "@patternfly/react-core";
import CheckCircleIcon from "@patternfly/react-icons/dist/esm/icons/check-circle-icon";
import { useState } from "react";
import { Link } from "wouter";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import type { AttentionItem } from "./attention";

const SHOWN = 6;

export function AttentionList({ items }: { items: AttentionItem[] | undefined }) {
  const [all, setAll] = useState(false);
  const shown = all ? items : items?.slice(0, SHOWN);
  return (
    <Card component="section" aria-labelledby="attention-title" isFullHeight>
      <CardTitle component="h2" id="attention-title">
        Needs attention{items && items.length > 0 && <span className="count">{items.length}</span>}
      </CardTitle>
      <CardBody>
        {!items && <Skeleton height="8rem" screenreaderText="Loading what needs attention" />}
        {items?.length === 0 && (
          <p className="all-well">
            <CheckCircleIcon className="phase-icon phase-ready" aria-hidden="true" />
            Everything is as intended.
          </p>
        )}
        <ul className="attention">
          {shown?.map((item) => (
            <Item key={item.key} item={item} />
          ))}
        </ul>
        {items && items.length > SHOWN && (
          <Button variant="link" isInline onClick={() => setAll(!all)} aria-expanded={all}>
            {all ? "Show fewer" : `Show all ${items.length}`}
          </Button>
        )}
      </CardBody>
    </Card>
  );
}

function Item({ item }: { item: AttentionItem }) {
  return (
    <li className={`attention-item attention-${item.phase.toLowerCase()}`}>
      <div className="attention-head">
        <span className="muted">{item.kind}</span>{" "}
        <strong>{item.host ? <Link href={`/hosts/${item.host}`}>{item.name}</Link> : item.name}</strong>
        <PhaseLabel phase={item.phase} />
      </div>
      <p>
        <span className="reason">{item.reason}</span> <Message text={item.message} />
        {item.waiting > 0 && (
          <span className="muted">
            {" · "}
            {item.waiting} {item.waiting === 1 ? "port waits" : "ports wait"} for it.
          </span>
        )}
      </p>
      {item.reason === "NotEnrolled" && (
        <ClipboardCopy isReadOnly variant="inline-compact" hoverTip="Copy" clickTip="Copied" isCode>
          {`ovsfleet enroll ${item.name}`}
        </ClipboardCopy>
      )}
    </li>
  );
}
