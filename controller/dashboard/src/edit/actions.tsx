/** What can be done with a draft. */

import { Button } from "@patternfly/react-core";
import { LinkButton } from "../chrome/link-button";
import { CopyAs } from "../copy/copy-as";
import { withInput } from "../copy/shell";
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
  /** Where a person goes who leaves it. */
  wayOut: string;
}

export function Actions({ info, draft, isNew, isPending, isReady, save, wayOut }: Props) {
  const manifest = manifestOf(draft);
  return (
    <div className="edit-actions">
      <Button variant="primary" isLoading={isPending} isDisabled={!isReady || isPending} onClick={() => save(false)}>
        {isNew ? `Create the ${info.noun}` : "Save"}
      </Button>
      {isNew && (
        <Button variant="secondary" isDisabled={!isReady || isPending} onClick={() => save(true)}>
          Create and add another
        </Button>
      )}
      <LinkButton variant="link" href={wayOut}>
        Cancel
      </LinkButton>
      <CopyAs
        cli={withInput("ovsfleet apply -f -", yamlOf(manifest))}
        request={{ method: "POST", path: "/v1/apply", body: { objects: [manifest] } }}
      />
    </div>
  );
}
