/** Makes an object, or changes one: by a form, or as YAML. */

import { StackItem, Title } from "@patternfly/react-core";
import { AppPage } from "../chrome/app-page";
import { capitalized, type KindInfo } from "../kinds/kinds";

interface Props {
  info: KindInfo;
  /** Null: a new one. */
  name: string | null;
}

export default function EditPage({ info, name }: Props) {
  const title = name === null ? `Create a ${info.noun}` : `Edit ${name}`;
  return (
    <AppPage title={title} above={[{ title: capitalized(info.plural), href: `/${info.collection}` }]}>
      <StackItem>
        <Title headingLevel="h1">{title}</Title>
      </StackItem>
    </AppPage>
  );
}
