/** What can be done with a draft. */

import { ActionGroup, Button } from "@patternfly/react-core";
import type { ComponentProps } from "react";
import { CopyAs } from "../copy/copy-as";
import type { KindInfo } from "../kinds/kinds";
import { manifestOf, yamlOf, type Draft } from "./drafts";

interface Props {
  info: KindInfo;
  draft: Draft;
  isNew: boolean;
  isPending: boolean;
  /** Whether there is something that could be saved. */
  isReady: boolean;
  save: (another: boolean) => void;
  /** The link that leaves it. */
  cancel: NonNullable<ComponentProps<typeof Button>["component"]>;
}

export function Actions({ info, draft, isNew, isPending, isReady, save, cancel }: Props) {
  const manifest = manifestOf(draft);
  return (
    <ActionGroup className="edit-actions">
      <Button variant="primary" isLoading={isPending} isDisabled={!isReady || isPending} onClick={() => save(false)}>
        {isNew ? `Create the ${info.noun}` : "Save"}
      </Button>
      {isNew && (
        <Button variant="secondary" isDisabled={!isReady || isPending} onClick={() => save(true)}>
          Create and add another
        </Button>
      )}
      <Button variant="link" component={cancel}>
        Cancel
      </Button>
      <CopyAs
        cli={`ovsfleet apply -f - <<'EOF'\n${yamlOf(manifest)}EOF`}
        request={{ method: "POST", path: "/v1/apply", body: { objects: [manifest] } }}
      />
    </ActionGroup>
  );
}
