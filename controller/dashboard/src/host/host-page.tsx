/** One host: how it is doing, what is on it, what flows through it, and what can be done to it. */

import { StackItem } from "@patternfly/react-core";
import { Label, Tab, Tabs, TabTitleText, Title } from "@patternfly/react-core";
import { useState } from "react";
import { Link } from "wouter";
import { ApiError } from "../api/client";
import type { Host } from "../api/documents";
import { useHost } from "../api/host-queries";
import type { StoredObject } from "../api/objects";
import { AppPage } from "../chrome/app-page";
import { QueryState } from "../chrome/query-state";
import { TabBody } from "../chrome/tab-body";
import { useUrlState } from "../chrome/url-state";
import { infoOf } from "../kinds/kinds";
import { NoSuchObject } from "../kinds/no-such-object";
import "../object/object.css";
import { Written } from "../object/written";
import { useMay } from "../session/whoami";
import { PhaseLabel } from "../status/phase";
import { HostActions } from "./host-actions";
import "./host.css";
import type { Notice } from "./operations";
import { Done, Standing } from "./standing";
import { HOST_TABS } from "./tabs";

export default function HostPage({ name }: { name: string }) {
  const query = useHost(name);
  const isGone = query.error instanceof ApiError && query.error.status === 404;
  return (
    <AppPage title={name} above={[{ title: "Hosts", href: "/hosts" }]}>
      <StackItem>
        {isGone ? (
          <NoSuchHost name={name} />
        ) : (
          <QueryState title="Hosts" query={query} height="24rem">
            {(host) => <Body host={host} />}
          </QueryState>
        )}
      </StackItem>
    </AppPage>
  );
}

function NoSuchHost({ name }: { name: string }) {
  const mayEnrol = useMay("enrol");
  return (
    <NoSuchObject info={infoOf("Host")} name={name}>
      {mayEnrol && (
        <>
          , or <Link href={`/enrol?host=${encodeURIComponent(name)}`}>enrol it</Link>
        </>
      )}
    </NoSuchObject>
  );
}

function Body({ host }: { host: Host }) {
  const [notice, tell] = useState<Notice | null>(null);
  return (
    <>
      <div className="page-heading host-heading">
        <Title headingLevel="h1">{host.metadata.name}</Title>
        <PhaseLabel phase={host.status.phase} />
        {host.spec.state !== "active" && (
          <Label color="purple" isCompact>
            {host.spec.state}
          </Label>
        )}
        <HostActions host={host} tell={tell} />
      </div>
      <div className="host-notices">
        {notice && <Done notice={notice} close={() => tell(null)} />}
        <Standing host={host} tell={tell} />
        <Written info={infoOf("Host")} objectRef={{ kind: "Host", name: host.metadata.name }} />
      </div>
      <HostTabs host={host} />
    </>
  );
}

/** What else the address holds is of the tab that is left; the time of charts is of the reader. */
const KEPT = ["range", "zoom"];
const PANEL = "host-tab";

function HostTabs({ host }: { host: Host }) {
  const { get, put } = useUrlState();
  const active = HOST_TABS.find(({ key }) => key === get("tab")) ?? HOST_TABS[0];
  const { name } = host.metadata;
  const open = (key: string) => {
    const others = [...new URLSearchParams(location.search).keys()].filter((each) => !KEPT.includes(each));
    put({ ...Object.fromEntries(others.map((each) => [each, null])), tab: key === HOST_TABS[0]?.key ? null : key }, true);
  };
  return (
    <>
      <Tabs
        className="object-tabs"
        aria-label={`About host ${name}`}
        activeKey={active?.key}
        onSelect={(_, key) => open(String(key))}
      >
        {HOST_TABS.map(({ key, title }) => (
          <Tab key={key} eventKey={key} tabContentId={PANEL} title={<TabTitleText>{title}</TabTitleText>}>
            {null}
          </Tab>
        ))}
      </Tabs>
      <div id={PANEL} role="tabpanel" aria-label={active?.title}>
        <TabBody of={active?.key ?? ""}>
          {active && (
            <active.Body
              host={host}
              info={infoOf("Host")}
              objectRef={{ kind: "Host", name }}
              object={host as unknown as StoredObject}
            />
          )}
        </TabBody>
      </div>
    </>
  );
}
