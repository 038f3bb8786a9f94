/** A token is tried against the API before it is kept. */

import { Alert, Button, Form, FormGroup, FormHelperText, HelperText } from "@patternfly/react-core";
import { HelperTextItem, TextInput } from "@patternfly/react-core";
import { useState, type FormEvent } from "react";
import { ApiError, createApi } from "../api/client";

interface Props {
  /** Why the last session ended. */
  notice: string;
  onSignIn: (token: string) => void;
}

export function TokenForm({ notice, onSignIn }: Props) {
  const [token, setToken] = useState("");
  const [problem, setProblem] = useState(notice);
  const [busy, setBusy] = useState(false);

  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const candidate = token.trim();
    if (!candidate) {
      setProblem("Paste a token first.");
      return;
    }
    setBusy(true);
    try {
      await createApi(candidate).GET("/v1/fleet");
      onSignIn(candidate);
    } catch (error) {
      setBusy(false);
      setProblem(explain(error));
    }
  };

  return (
    <div className="token-form">
      {problem && <Alert variant="danger" isInline isLiveRegion title={problem} />}
      <Form onSubmit={(event) => void submit(event)}>
        <FormGroup label="API token" fieldId="token" isRequired>
          <TextInput
            id="token"
            type="password"
            autoComplete="off"
            spellCheck={false}
            placeholder="ovsf_…"
            value={token}
            isRequired
            validated={problem ? "error" : "default"}
            aria-describedby="token-help"
            onChange={(_, value) => setToken(value)}
          />
          <FormHelperText>
            <HelperText id="token-help">
              <HelperTextItem>
                Make one with <code>ovsfleet-controller token create</code>. The first start of a
                controller prints an admin token. It stays in this tab only.
              </HelperTextItem>
            </HelperText>
          </FormHelperText>
        </FormGroup>
        <Button type="submit" variant="primary" isBlock isLoading={busy} isDisabled={busy}>
          {busy ? "Signing in …" : "Sign in"}
        </Button>
      </Form>
    </div>
  );
}

function explain(error: unknown): string {
  if (!(error instanceof ApiError)) return String(error);
  if (error.isRefused) return `This token was refused. ${error.message}`;
  return error.message;
}
