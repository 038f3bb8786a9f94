/** One object of any kind: how it is doing on its hosts, what it is, how it became so. */

import { Button, StackItem } from "@patternfly/react-core";
import { Tab, Tabs, TabTitleText, Title } from "@patternfly/react-core";
import { useState } from "react";
import { ApiError } from "../api/client";
import { useShownObject, type ObjectRef, type StoredObject } from "../api/objects";
import { AppPage } from "../chrome/app-page";
import { LinkButton } from "../chrome/link-button";
import { QueryState } from "../chrome/query-state";
import { TabBody } from "../chrome/tab-body";
import { useUrlState } from "../chrome/url-state";
import { capitalized, pathOf, type KindInfo } from "../kinds/kinds";
import { NoSuchObject } from "../kinds/no-such-object";
import { useMayWrite } from "../session/whoami";
import { PhaseLabel } from "../status/phase";
import { DeleteDialog } from "./delete-dialog";
import "./object.css";
import { tabsOf } from "./tabs";
import { Written } from "./written";

export default function ObjectPage({ info, name }: { info: KindInfo; name: string }) {
  const { get } = useUrlState();
  const ref: ObjectRef = { kind: info.kind, name, project: get("project") || undefined };
  const query = useShownObject(ref);
  const title = capitalized(info.plural);
  const isGone = query.error instanceof ApiError && query.error.status === 404;
  return (
    <AppPage title={name} above={[{ title, href: `/${info.collection}` }]}>
      {isGone ? (
        <StackItem>
          <NoSuchObject info={info} name={name} />
        </StackItem>
      ) : (
        <StackItem>
          <QueryState title={title} query={query} height="20rem">
            {(object) => <Body info={info} objectRef={ref} object={object} />}
          </QueryState>
        </StackItem>
      )}
    </AppPage>
  );
}

interface BodyProps {
  info: KindInfo;
  objectRef: ObjectRef;
  object: StoredObject;
}

/** What all tabs open. */
const PANEL = "object-tab";

function Body({ info, objectRef, object }: BodyProps) {
  const { get, put } = useUrlState();
  const tabs = tabsOf(info);
  const active = tabs.find(({ key }) => key === get("tab")) ?? tabs[0];
  const { metadata, status } = object;
  return (
    <>
      <div className="page-heading host-heading">
        <Title headingLevel="h1">{metadata.name}</Title>
        <PhaseLabel phase={status.phase} />
        <Actions info={info} object={object} />
      </div>
      <Written info={info} objectRef={objectRef} />
      <Tabs
        className="object-tabs"
        aria-label={`About ${info.noun} ${metadata.name}`}
        activeKey={active?.key}
        onSelect={(_, key) => put({ tab: key === tabs[0]?.key ? null : String(key), page: null, order: null }, true)}
      >
        {tabs.map(({ key, title }) => (
          <Tab key={key} eventKey={key} tabContentId={PANEL} title={<TabTitleText>{title}</TabTitleText>}>
            {null}
          </Tab>
        ))}
      </Tabs>
      <div id={PANEL} role="tabpanel" aria-label={active?.title}>
        <TabBody of={active?.key ?? ""}>
          {active && <active.Body info={info} objectRef={objectRef} object={object} />}
        </TabBody>
      </div>
    </>
  );
}

function Actions({ info, object }: { info: KindInfo; object: StoredObject }) {
  const mayWrite = useMayWrite(info.kind);
  const [isDeleting, setDeleting] = useState(false);
  const { name, project } = object.metadata;
  const [path, query] = pathOf(info.kind, name, project).split("?");
  if (!mayWrite) return null;
  return (
    <span className="page-actions">
      <LinkButton variant="secondary" href={`${path}/edit${query ? `?${query}` : ""}`}>
        Edit
      </LinkButton>{" "}
      <Button variant="secondary" isDanger onClick={() => setDeleting(true)}>
        Delete
      </Button>
      {isDeleting && <DeleteDialog info={info} object={object} close={() => setDeleting(false)} />}
    </span>
  );
}
