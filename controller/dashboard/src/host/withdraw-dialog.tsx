/** Takes back what a host was allowed beyond intent. */

import { Checkbox } from "@patternfly/react-core";
import { useState } from "react";
import { document } from "../api/client";
import { useGrants, type Grant } from "../api/host-queries";
import { ConfirmDialog } from "../chrome/confirm-dialog";
import { Moment } from "../chrome/moment";
import { QueryState } from "../chrome/query-state";
import { shellWord } from "../copy/shell";
import { useHostOperation, type DialogProps } from "./operations";
import { pathOfHost } from "./requests";

const LETS: Record<Grant["kind"], string> = {
  removal: "may be taken away",
  force: "may be changed without a way back",
  adopt: "may take over what is there under its name",
};

export function WithdrawDialog({ name, close, done }: DialogProps & { name: string }) {
  const grants = useGrants(name);
  const [chosen, setChosen] = useState<string[]>([]);
  const body = { resources: chosen };
  const operation = useHostOperation(
    name,
    async (api) => {
      const params = { path: { name_or_uid: name } };
      const answer = document(await api.POST("/v1/hosts/{name_or_uid}/withdraw", { params, body }));
      const { resources, revision, warnings } = answer;
      return { title: `${resources.length} granted no more: fleet revision ${revision}.`, warnings };
    },
    done,
  );
  const toggle = (resource: string, checked: boolean) =>
    setChosen((before) => (checked ? [...before, resource] : before.filter((each) => each !== resource)));
  const only = chosen.map((resource) => ` --only ${shellWord(resource)}`).join("");
  return (
    <ConfirmDialog
      title={`Take back what ${name} was granted?`}
      verb="Withdraw"
      isReady={chosen.length > 0}
      operation={operation}
      close={close}
      cli={`ovsfleet release ${shellWord(name)} --withdraw${only}`}
      request={{ method: "POST", path: `${pathOfHost(name)}/withdraw`, body }}
    >
      <QueryState title="Grants" query={grants}>
        {({ items }) =>
          items.length === 0 ? (
            <p>Nothing is granted on this host.</p>
          ) : (
            <>
              <p>What the host has done meanwhile stays done.</p>
              {[...new Map(items.map((grant) => [grant.resource, grant])).values()].map((grant) => (
                <Checkbox
                  key={grant.resource}
                  id={`withdraw ${grant.resource}`}
                  label={<code>{grant.resource}</code>}
                  description={
                    <>
                      {LETS[grant.kind]}, by {grant.principal}, <Moment at={grant.granted_at} />
                    </>
                  }
                  isChecked={chosen.includes(grant.resource)}
                  onChange={(_, checked) => toggle(grant.resource, checked)}
                />
              ))}
            </>
          )
        }
      </QueryState>
    </ConfirmDialog>
  );
}
