/** Many objects at once, from files: what would happen, then the change, then how far the hosts are. */

import { StackItem, Title } from "@patternfly/react-core";
import { useState } from "react";
import { AppPage } from "../chrome/app-page";
import { Forbidden } from "../chrome/query-state";
import { useWhoAmI } from "../session/whoami";
import { Applied } from "./applied";
import { ApplyForm } from "./apply-form";
import type { ChangeResult } from "./apply-queries";
import "./edit.css";

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
          <Forbidden
            title="Changes"
            reason={`The roles of this token (${who.data?.roles.join(", ")}) let it write nothing.`}
          />
        ) : result ? (
          <Applied result={result} onAgain={() => setResult(null)} />
        ) : (
          <ApplyForm onApplied={setResult} />
        )}
      </StackItem>
    </AppPage>
  );
}
