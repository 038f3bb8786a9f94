/** Many objects at once, from files: what would happen, then the change, then how far the hosts are. */

import { StackItem, Title } from "@patternfly/react-core";
import { useState } from "react";
import { AppPage } from "../chrome/app-page";
import { useWhoAmI } from "../session/whoami";
import { Applied } from "./applied";
import { ApplyForm } from "./apply-form";
import type { ChangeResult } from "./apply-queries";
import "./edit.css";
import { MayNot } from "./may-not";
import { useEver } from "./queries";

export default function ApplyPage() {
  const who = useWhoAmI();
  const [result, setResult] = useState<ChangeResult | null>(null);
  // A text outlives a token that may less than the one before.
  const mayNow = who.data && who.data.may.write.length > 0;
  const mayWrite = useEver(mayNow === true) || mayNow !== false;
  return (
    <AppPage title="Apply a file">
      <StackItem>
        <Title headingLevel="h1">Apply a file</Title>
      </StackItem>
      <StackItem>
        {!mayWrite ? (
          <MayNot what="write anything" roles={who.data?.roles ?? []} />
        ) : result ? (
          <Applied result={result} onAgain={() => setResult(null)} />
        ) : (
          <ApplyForm onApplied={setResult} />
        )}
      </StackItem>
    </AppPage>
  );
}
