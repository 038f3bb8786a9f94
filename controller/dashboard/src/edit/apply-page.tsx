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

export default function ApplyPage() {
  const who = useWhoAmI();
  const [result, setResult] = useState<ChangeResult | null>(null);
  const mayWrite = who.data === undefined || who.data.may.write.length > 0;
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
