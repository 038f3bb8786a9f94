/** Brings a machine into the fleet: a name, one line to paste on it, and how far it has come. */

import { Alert, Button, Card, CardBody, CardTitle, Form, FormGroup } from "@patternfly/react-core";
import { FormHelperText, FormSelect, FormSelectOption, HelperText, HelperTextItem } from "@patternfly/react-core";
import { StackItem, TextInput, Title } from "@patternfly/react-core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { ApiError, document } from "../api/client";
import type { components } from "../api/schema";
import { AppPage } from "../chrome/app-page";
import { Forbidden } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
import { ReferenceInput } from "../edit/reference-input";
import { useSession } from "../session/session";
import { useWhoAmI } from "../session/whoami";
import { Refusal } from "../status/refusal";
import "./enrol.css";
import { Progress } from "./progress";

type JoinToken = components["schemas"]["JoinTokenDocument"];

const ONE_HOUR = 3600;
const TIMES = [
  { seconds: 900, title: "15 minutes" },
  { seconds: ONE_HOUR, title: "1 hour" },
  { seconds: 86_400, title: "1 day" },
  { seconds: 604_800, title: "7 days" },
];

export default function EnrolPage() {
  const who = useWhoAmI();
  const [tokens, setTokens] = useState<readonly JoinToken[]>([]);
  const again = useEnrolment();
  const without = (host: string) => (before: readonly JoinToken[]) =>
    before.filter((token) => token.host !== host);
  const add = (token: JoinToken) => setTokens((before) => [token, ...without(token.host)(before)]);
  const askAgain = (host: string) =>
    again.mutate({ host, vtep: "", seconds: ONE_HOUR, isNew: false }, { onSuccess: add });
  return (
    <AppPage title="Enrol a host">
      <StackItem>
        <Title headingLevel="h1">Enrol a host</Title>
        <p className="muted">
          An agent on the host makes its bridges, ports and tunnels what is intended here. It connects to this
          controller; the controller never connects to the host. Several hosts can be under way at once.
        </p>
      </StackItem>
      {who.data?.may.enrol === false ? (
        <StackItem>
          <Forbidden
            title="Join tokens"
            reason={`The roles of this token (${who.data.roles.join(", ")}) do not let it bring machines in.`}
          />
        </StackItem>
      ) : (
        <StackItem>
          <Wanted onToken={add} />
        </StackItem>
      )}
      {again.error && (
        <StackItem>
          <Refusal error={again.error}>{ALL_HOSTS}</Refusal>
        </StackItem>
      )}
      {tokens.map((token) => (
        <StackItem key={token.token}>
          <Progress
            token={token}
            onAgain={() => askAgain(token.host)}
            onDone={() => setTokens(without(token.host))}
          />
        </StackItem>
      ))}
    </AppPage>
  );
}

interface Asked {
  host: string;
  vtep: string;
  seconds: number;
}

function Wanted({ onToken }: { onToken: (token: JoinToken) => void }) {
  const { get } = useUrlState();
  const [host, setHost] = useState(get("host"));
  const [vtep, setVtep] = useState("");
  const [seconds, setSeconds] = useState(ONE_HOUR);
  const enrolment = useEnrolment();
  const isUnknown = enrolment.error instanceof ApiError && enrolment.error.status === 404;
  const ask = (isNew: boolean) =>
    enrolment.mutate(
      { host, vtep, seconds, isNew },
      {
        onSuccess: (token) => {
          onToken(token);
          setHost("");
          setVtep("");
        },
      },
    );
  return (
    <Card component="section" aria-labelledby="enrol-title">
      <CardTitle component="h2" id="enrol-title">
        Which host
      </CardTitle>
      <CardBody>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            if (host) ask(isUnknown);
          }}
        >
          <div className="enrol-fields">
            <FormGroup label="Host" fieldId="enrol-host" isRequired>
              <ReferenceInput
                mayBeNew
                id="enrol-host"
                kind="Host"
                value={host}
                validated="default"
                onChange={(name) => {
                  enrolment.reset();
                  setHost(name ?? "");
                }}
              />
              <FormHelperText>
                <HelperText>
                  <HelperTextItem>One that is declared already, or a new name.</HelperTextItem>
                </HelperText>
              </FormHelperText>
            </FormGroup>
            <FormGroup label="The line works for" fieldId="enrol-time">
              <FormSelect
                id="enrol-time"
                value={String(seconds)}
                onChange={(_, chosen) => setSeconds(Number(chosen))}
              >
                {TIMES.map((time) => (
                  <FormSelectOption key={time.seconds} value={String(time.seconds)} label={time.title} />
                ))}
              </FormSelect>
            </FormGroup>
            {isUnknown && (
              <FormGroup label="VTEP" fieldId="enrol-vtep">
                <TextInput
                  id="enrol-vtep"
                  value={vtep}
                  placeholder="192.0.2.10"
                  onChange={(_, text) => setVtep(text)}
                />
                <FormHelperText>
                  <HelperText>
                    <HelperTextItem>
                      The host's own address that its tunnels begin at. It can be set later.
                    </HelperTextItem>
                  </HelperText>
                </FormHelperText>
              </FormGroup>
            )}
          </div>
          {isUnknown && (
            <Alert variant="info" isInline title={`There is no host ${host} yet. It will be created.`} />
          )}
          {enrolment.error && !isUnknown && <Refusal error={enrolment.error}>{ALL_HOSTS}</Refusal>}
          <div>
            <Button type="submit" isDisabled={!host || enrolment.isPending} isLoading={enrolment.isPending}>
              {isUnknown ? `Create ${host} and make its line` : "Make the line"}
            </Button>
          </div>
        </Form>
      </CardBody>
    </Card>
  );
}

function useEnrolment() {
  const { api } = useSession();
  return useMutation<JoinToken, Error, Asked & { isNew: boolean }>({
    // What it answers is a secret.
    gcTime: 0,
    mutationFn: async ({ host, vtep, seconds, isNew }) => {
      if (isNew) {
        const manifest = { kind: "Host", metadata: { name: host }, spec: vtep ? { vteps: [vtep] } : {} };
        await api.POST("/v1/hosts", { body: manifest as never });
      }
      const params = { path: { name_or_uid: host } };
      const body = { ttl_seconds: seconds };
      return document(await api.POST("/v1/hosts/{name_or_uid}/join-tokens", { params, body }));
    },
  });
}

const ALL_HOSTS = (
  <p>
    <Link href="/hosts">See all hosts</Link>
  </p>
);
