/** Which address is which page. */

import { Suspense } from "react";
import { Route, Switch, useLocation, useSearchParams } from "wouter";
import { Boundary } from "./chrome/boundary";
import { BrokenPage } from "./chrome/broken-page";
import { LoadingPage } from "./chrome/loading-page";
import { NoSuchPage } from "./chrome/no-such-page";
import { HiddenKindPage } from "./kinds/hidden-kind-page";
import { ofCollection, type KindInfo } from "./kinds/kinds";
import { part } from "./parts";
import { useMayRead } from "./session/whoami";

const FleetPage = part(() => import("./fleet/fleet-page"));
const TopologyPage = part(() => import("./topology/topology-page"));
const EventsPage = part(() => import("./events/events-page"));
const EnrolPage = part(() => import("./enrol/enrol-page"));
const SettingsPage = part(() => import("./settings/settings-page"));
const CollectionPage = part(() => import("./collection/collection-page"));
const HostPage = part(() => import("./host/host-page"));
const ObjectPage = part(() => import("./object/object-page"));
const EditPage = part(() => import("./edit/edit-page"));
const ApplyPage = part(() => import("./edit/apply-page"));

export function Pages() {
  const [path] = useLocation();
  return (
    <Boundary resetKey={path} fallback={(error) => <BrokenPage error={error} />}>
      <AllPages />
    </Boundary>
  );
}

function AllPages() {
  const project = useSearchParams()[0].get("project") ?? "";
  return (
    <Suspense fallback={<LoadingPage />}>
      <Switch>
        <Route path="/" component={FleetPage} />
        <Route path="/topology" component={TopologyPage} />
        <Route path="/events" component={EventsPage} />
        <Route path="/enrol" component={EnrolPage} />
        <Route path="/settings" component={SettingsPage} />
        <Route path="/apply" component={ApplyPage} />
        <Route path="/:collection">
          {({ collection }) => (
            <OfKind collection={collection} page={(info) => <CollectionPage key={collection} info={info} />} />
          )}
        </Route>
        <Route path="/:collection/new">
          {({ collection }) => (
            <OfKind collection={collection} page={(info) => <EditPage key={collection} info={info} name={null} />} />
          )}
        </Route>
        {/* A page per object: nothing of one may be seen under the name of another, nor of one project. */}
        <Route path="/hosts/:name">{({ name }) => <HostPage key={name} name={decoded(name)} />}</Route>
        <Route path="/:collection/:name">
          {({ collection, name }) => (
            <OfKind
              collection={collection}
              page={(info) => <ObjectPage key={`${collection}/${name}/${project}`} info={info} name={decoded(name)} />}
            />
          )}
        </Route>
        <Route path="/:collection/:name/edit">
          {({ collection, name }) => (
            <OfKind
              collection={collection}
              page={(info) => <EditPage key={`${collection}/${name}/${project}`} info={info} name={decoded(name)} />}
            />
          )}
        </Route>
        <Route>
          <NoSuchPage />
        </Route>
      </Switch>
    </Suspense>
  );
}

interface OfKindProps {
  collection: string;
  page: (info: KindInfo) => React.ReactNode;
}

function OfKind({ collection, page }: OfKindProps) {
  const info = ofCollection(collection);
  return info ? <Readable info={info} page={page} /> : <NoSuchPage />;
}

function Readable({ info, page }: Pick<OfKindProps, "page"> & { info: KindInfo }) {
  return useMayRead(info.kind) ? page(info) : <HiddenKindPage info={info} />;
}

/** A word that is no encoding stands for itself. */
function decoded(word: string): string {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}
