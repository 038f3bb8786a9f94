/** What stands in the place of a form when the token may not write. */

import { EmptyState, EmptyStateBody } from "@patternfly/react-core";
import LockIcon from "@patternfly/react-icons/dist/esm/icons/lock-icon";

interface Props {
  /** What it may not do, as it stands after "This token may not". */
  what: string;
  roles: readonly string[];
}

export function MayNot({ what, roles }: Props) {
  return (
    <EmptyState headingLevel="h2" variant="sm" icon={LockIcon} titleText={`This token may not ${what}`}>
      <EmptyStateBody>
        Its {roles.length === 1 ? "role is" : "roles are"} {roles.join(", ")}. A network admin can make a token that
        may.
      </EmptyStateBody>
    </EmptyState>
  );
}
