/** How far a machine has come, live: from the line to paste to a host that is as intended. */

import { Alert, Card, CardBody, CardTitle, ClipboardCopy, ProgressStep } from "@patternfly/react-core";
import { ProgressStepper } from "@patternfly/react-core";
import { useEffect, useState } from "react";
import { Link } from "wouter";
import type { Condition, Host } from "../api/documents";
import { useObject } from "../api/objects";
import type { components } from "../api/schema";
import { Moment } from "../chrome/moment";
import { pathOf } from "../kinds/kinds";
import { Message } from "../status/message";

type JoinToken = components["schemas"]["JoinTokenDocument"];
type Stage = "waiting" | "connected" | "ready";

const PATIENCE_MS = 30_000;

export function Progress({ token }: { token: JoinToken }) {
  const host = useObject<Host>({ kind: "Host", name: token.host }).data;
  const stage = stageOf(host);
  const isLate = useIsLate(stage === "waiting");
  return (
    <Card component="section" aria-label={`Enrolment of ${token.host}`}>
      <CardTitle component="h2">{token.host}</CardTitle>
      <CardBody>
        <p>Run this on the host, as root. It works once, until <Moment at={token.expires_at} />, and is not shown again.</p>
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
        <div role="status">
          <Steps stage={stage} host={host} />
        </div>
        {isLate && stage === "waiting" && <WhatToLookAt />}
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

const connectedOf = (host: Host | undefined): Condition | undefined =>
  host?.status.conditions.find(({ type }) => type === "Connected");

function stageOf(host: Host | undefined): Stage {
  if (host?.status.phase === "Ready") return "ready";
  return connectedOf(host)?.status === "True" ? "connected" : "waiting";
}

function useIsLate(isWaiting: boolean): boolean {
  const [isLate, setLate] = useState(false);
  useEffect(() => {
    if (!isWaiting) return;
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [isWaiting]);
  return isLate;
}

function Steps({ stage, host }: { stage: Stage; host: Host | undefined }) {
  const isThere = stage !== "waiting";
  const blocking = host?.status.conditions.find(({ status, type }) => status !== "True" && type !== "Connected");
  return (
    <ProgressStepper aria-label="How far it is">
      <ProgressStep
        id="enrol-waiting"
        titleId="enrol-waiting-title"
        variant={isThere ? "success" : "info"}
        isCurrent={!isThere}
      >
        {isThere ? "Enrolled" : "Waiting for the host"}
      </ProgressStep>
      <ProgressStep
        id="enrol-connected"
        titleId="enrol-connected-title"
        variant={isThere ? "success" : "pending"}
        isCurrent={stage === "connected"}
      >
        Connected
      </ProgressStep>
      <ProgressStep
        id="enrol-ready"
        titleId="enrol-ready-title"
        variant={stage === "ready" ? "success" : "pending"}
        description={stage === "connected" && blocking ? <Message text={blocking.message} /> : undefined}
      >
        As intended
      </ProgressStep>
    </ProgressStepper>
  );
}

function WhatToLookAt() {
  return (
    <Alert variant="warning" isInline title="Nothing was heard of the host yet">
      <ul>
        <li>
          Did the command end without an error there? <code>systemctl status ovsfleet-agent</code>
        </li>
        <li>
          Does the host reach the controller? The enrolment port and the agents' port have to be open towards
          it.
        </li>
        <li>
          What does its agent say? <code>journalctl -u ovsfleet-agent</code>
        </li>
      </ul>
    </Alert>
  );
}
