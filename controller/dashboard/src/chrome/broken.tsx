/** What is said where a part of the page could not be drawn. */

import { Alert, AlertActionCloseButton, AlertActionLink, AlertGroup, Button, EmptyState } from "@patternfly/react-core";
import { EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@patternfly/react-core";

/** What browsers and the bundler say when a file of this page is not there: files of the version
 * before are gone once the controller was upgraded. */
const MISSING = /dynamically imported module|importing a module script|preload CSS/i;

export const isMissingPart = (error: unknown): boolean =>
  error instanceof Error && MISSING.test(error.message);

interface Words {
  title: string;
  body: string;
}

function wordsOf(error: Error): Words {
  if (isMissingPart(error))
    return {
      title: "A part of the dashboard could not be loaded",
      body:
        "Either the controller was upgraded after this page was opened: reload it." +
        " Or the controller cannot be reached just now.",
    };
  return {
    title: "This could not be drawn",
    body: `Reload the page. If that does not help, report these words: ${error.message}`,
  };
}

const reload = () => location.reload();

/** In the place of a tab or a whole page. */
export function Broken({ error }: { error: Error }) {
  const { title, body } = wordsOf(error);
  return (
    <div role="alert">
      <EmptyState headingLevel="h2" status="warning" titleText={title}>
        <EmptyStateBody>{body}</EmptyStateBody>
        <EmptyStateFooter>
          <EmptyStateActions>
            <Button onClick={reload}>Reload</Button>
          </EmptyStateActions>
        </EmptyStateFooter>
      </EmptyState>
    </div>
  );
}

/** Over a page that stays. */
export function BrokenNotice({ error, close }: { error: Error; close: () => void }) {
  const { title, body } = wordsOf(error);
  return (
    <AlertGroup isToast isLiveRegion>
      <Alert
        variant="warning"
        title={title}
        actionClose={<AlertActionCloseButton onClose={close} />}
        actionLinks={<AlertActionLink onClick={reload}>Reload</AlertActionLink>}
      >
        {body}
      </Alert>
    </AlertGroup>
  );
}
