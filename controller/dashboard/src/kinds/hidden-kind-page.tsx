import { StackItem, Title } from "@patternfly/react-core";
import { AppPage } from "../chrome/app-page";
import { Forbidden } from "../chrome/query-state";
import { useWhoAmI } from "../session/whoami";
import { capitalized, type KindInfo } from "./kinds";

/** All pages of a kind of which the token may see nothing. */
export function HiddenKindPage({ info }: { info: KindInfo }) {
  const title = capitalized(info.plural);
  const projects = useWhoAmI().data?.projects ?? [];
  return (
    <AppPage title={title}>
      <StackItem>
        <Title headingLevel="h1">{title}</Title>
      </StackItem>
      <StackItem>
        <Forbidden
          title={title}
          reason={`They concern the traffic of every project, and this token reaches ${projects.join(", ") || "none"} only.`}
        />
      </StackItem>
    </AppPage>
  );
}
