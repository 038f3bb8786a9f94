/** What the host is told, compiled when a person asks for it. */

import { Button, Card, CardBody, CardHeader, CardTitle } from "@patternfly/react-core";
import { stringify } from "yaml";
import { useDesiredState } from "../api/host-queries";
import { QueryState } from "../chrome/query-state";
import { useUrlState } from "../chrome/url-state";
import { YamlText } from "../edit/code-editor";
import "../edit/edit.css";

export function DesiredCard({ name }: { name: string }) {
  const { get, put } = useUrlState();
  const isShown = get("desired") === "shown";
  return (
    <Card component="section" aria-labelledby="desired-title">
      <CardHeader
        hasWrap
        actions={{
          hasNoOffset: true,
          actions: (
            <Button variant="secondary" aria-expanded={isShown} onClick={() => put({ desired: isShown ? null : "shown" })}>
              {isShown ? "Hide" : "Show as YAML"}
            </Button>
          ),
        }}
      >
        <CardTitle component="h2" id="desired-title">
          What the host is told
        </CardTitle>
      </CardHeader>
      <CardBody>
        {isShown ? <Desired name={name} /> : <p className="muted">The desired state of the whole host, compiled now from its pinned revision or the head.</p>}
      </CardBody>
    </Card>
  );
}

function Desired({ name }: { name: string }) {
  const query = useDesiredState(name);
  return (
    <QueryState title="Desired states" query={query} height="24rem">
      {({ revision, hash, state }) => (
        <>
          <p className="muted">
            Revision <span className="number">{revision}</span>, hash <span className="mono fact-text">{hash}</span>
          </p>
          <YamlText label={`Desired state of ${name}`} value={stringify(state, { lineWidth: 100 })} />
        </>
      )}
    </QueryState>
  );
}
