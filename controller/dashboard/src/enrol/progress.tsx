/** How far a machine has come, live: from the line to paste to a host that is as intended. */

import { Alert, Button, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { ClipboardCopy, ProgressStep, ProgressStepper } from "@patternfly/react-core";
import { useEffect, useId, useState } from "react";
import { Link } from "wouter";
import { controllerNow } from "../api/clock";
import type { Host } from "../api/documents";
import { useObject } from "../api/objects";
import type { components } from "../api/schema";
import { pathOf } from "../kinds/kinds";
import { Message } from "../status/message";
import { remaining } from "./remaining";
import { STAGES, stageOf, type Stage } from "./stages";

type JoinToken = components["schemas"]["JoinTokenDocument"];

/** After which a person wonders why nothing happens. */
const PATIENCE_MS = 30_000;
const TICK_MS = 1000;

interface Props {
  token: JoinToken;
  onAgain: () => void;
  onDone: () => void;
}

export function Progress({ token, onAgain, onDone }: Props) {
  const host = useObject<Host>({ kind: "Host", name: token.host }).data;
  const stage = stageOf(host);
  return (
    <Card component="section" aria-label={`Enrolment of ${token.host}`}>
      <CardHeader
        actions={{
          actions: (
            <Button variant="link" isInline onClick={onDone}>
              Hide
            </Button>
          ),
        }}
      >
        <CardTitle component="h2">{token.host}</CardTitle>
      </CardHeader>
      <CardBody>
        {stage === "waiting" && <Line token={token} onAgain={onAgain} />}
        <Steps stage={stage} host={host} />
        <Late key={stage} stage={stage} />
        {stage === "ready" && (
          <p>
            <Link href={pathOf("Host", token.host)}>Go to {token.host}</Link>
            {" · "}
            <Link href={`/ports/new?host=${encodeURIComponent(token.host)}`}>Give it a port</Link>
          </p>
        )}
      </CardBody>
    </Card>
  );
}

function Line({ token, onAgain }: { token: JoinToken; onAgain: () => void }) {
  const left = remaining(Date.parse(token.expires_at), useNow());
  if (!left)
    return (
      <Alert variant="warning" isInline title="The line works no longer">
        <Button variant="link" isInline onClick={onAgain}>
          Make another one
        </Button>
      </Alert>
    );
  return (
    <>
      <p>
        Run this on the host, as root. It works once, for <span className="number">{left}</span> more, and is
        shown here only.
      </p>
      <ClipboardCopy
        isReadOnly
        isCode
        hoverTip="Copy"
        clickTip="Copied"
        textAriaLabel={`Line for ${token.host}`}
        className="enrol-line"
      >
        {token.command}
      </ClipboardCopy>
      <p className="enrol-then">
        Then start the agent there, as a service: <code>ovsfleet-agent run</code>, or{" "}
        <code>ovsfleet-agent run --ovsdb none</code> on a host without Open vSwitch.
      </p>
    </>
  );
}

function useNow(): number {
  const [now, setNow] = useState(controllerNow);
  useEffect(() => {
    const timer = setInterval(() => setNow(controllerNow()), TICK_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

function Steps({ stage, host }: { stage: Stage; host: Host | undefined }) {
  const id = useId();
  const reached = STAGES.findIndex((each) => each.stage === stage);
  // While it waits, the host's own words would ask for the line that stands here already.
  const conditions = stage === "waiting" ? [] : (host?.status.conditions ?? []);
  const said = conditions.find(({ status }) => status !== "True");
  return (
    <div role="status">
      <ProgressStepper aria-label="How far it is">
        {STAGES.slice(1).map(({ stage: each, title, awaited }, index) => {
          const isDone = index < reached;
          const isCurrent = index === reached;
          return (
            <ProgressStep
              key={each}
              id={`${id}-${each}`}
              titleId={`${id}-${each}-title`}
              variant={isDone ? "success" : isCurrent ? "info" : "pending"}
              isCurrent={isCurrent}
              aria-label={isDone ? "done" : isCurrent ? "awaited" : "to come"}
              description={isCurrent ? <Message text={said?.message ?? awaited} /> : undefined}
            >
              {title}
            </ProgressStep>
          );
        })}
      </ProgressStepper>
    </div>
  );
}

/** What to look at when a step takes long. */
function Late({ stage }: { stage: Stage }) {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, []);
  const advice = STAGES.find((each) => each.stage === stage)?.advice ?? [];
  if (!isLate || advice.length === 0) return null;
  return (
    <Alert variant="warning" isInline title="It takes longer than it should">
      <ul>
        {advice.map((text) => (
          <li key={text}>
            <Message text={text} />
          </li>
        ))}
      </ul>
    </Alert>
  );
}
