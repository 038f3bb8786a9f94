/** The fleet as a graph: hosts or groups of them, and how the tunnels between them are doing. */

import { Alert, Button, Card, CardBody, EmptyState, EmptyStateBody } from "@patternfly/react-core";
import { EmptyStateActions, EmptyStateFooter, StackItem, Title } from "@patternfly/react-core";
import { useDeferredValue, useEffect, useMemo, useState, type ReactNode } from "react";
import { Link, useLocation } from "wouter";
import { AppPage } from "../chrome/app-page";
import { QueryState } from "../chrome/query-state";
import { pathOf } from "../kinds/kinds";
import type { Choice } from "./canvas";
import { Controls, titleOf, type Finding } from "./controls";
import { found, graphOf, litBy, withMesh, type Graph, type Named, type Topology } from "./graph";
import { GraphView } from "./graph-view";
import { makeReady } from "./layout";
import { Lists } from "./lists";
import { Panel } from "./panel";
import { usePlaces } from "./places";
import { useTopology, type AnsweredTopology } from "./queries";
import "./topology.css";
import { choosing, leaving, opening, useView, type View } from "./view-state";

export default function TopologyPage() {
  const view = useView();
  const query = useTopology(view.whole);
  const [words, setWords] = useState("");
  useEffect(makeReady, []);
  const whole = query.data;
  const mesh = useTopology(view.segment && !view.isAlone && whole ? meshOf(view, whole) : null);
  const read = view.isAlone ? query : mesh;
  const own = view.segment && !read.isPlaceholderData ? read.data : undefined;
  // What was there before stays while the next is read.
  const isReading = query.isPlaceholderData || (mesh.isFetching && !own);
  const graph = useMemo(
    () => whole && graphOf(own && own !== whole ? withMesh(whole, own) : whole),
    [whole, own],
  );
  const matches = useMemo(() => (graph ? found(graph, words) : []), [graph, words]);
  const finding = { words, matches, setWords };
  return (
    <AppPage title="Topology" isWide>
      <StackItem>
        <div className="page-heading">
          <Title headingLevel="h1">Topology</Title>
          {whole && <Summary topology={whole} view={view} />}
          {isReading && (
            <span className="topology-reading muted" role="status">
              Reading the hosts and tunnels asked for…
            </span>
          )}
        </div>
        <Controls view={view} topology={whole} segments={whole?.segments ?? []} finding={finding} />
        {view.segment && mesh.isError && (
          <Alert variant="warning" isInline title={`${titleOf(view.segment)} cannot be shown`}>
            {mesh.error.message}
          </Alert>
        )}
      </StackItem>
      <QueryState title="Hosts and tunnels" query={query} height="30rem">
        {(topology) =>
          graph && graph.nodes.size > 0 ? (
            <Shown view={view} topology={topology} mesh={own} graph={graph} finding={finding} />
          ) : (
            <Nothing view={view} />
          )
        }
      </QueryState>
    </AppPage>
  );
}

/** In the groups of the whole, also where these were chosen by the controller. */
const meshOf = ({ whole, segment }: View, { group_by }: Topology) => ({
  ...whole,
  group_by,
  segment: segment?.name ?? "",
  project: segment?.project ?? "",
});

function Summary({ topology, view }: { topology: AnsweredTopology; view: View }) {
  const { nodes, tunnels, group_by, within, revision } = topology;
  const hosts = nodes.reduce((sum, node) => sum + node.hosts, 0);
  const grouped = group_by === "host" ? "" : ` in ${nodes.length} groups by ${group_by.replace(":", " ")}`;
  return (
    <span className="muted number">
      {hosts.toLocaleString()} hosts{grouped}, {tunnels.toLocaleString()} tunnels, revision {revision}
      {within && (
        <>
          {" · only "}
          {within.replace(/^\w+:/, "")}{" "}
          <Button variant="link" isInline onClick={() => view.put(leaving(within), true)}>
            Back to the groups
          </Button>
        </>
      )}
    </span>
  );
}

interface ShownProps {
  view: View;
  topology: AnsweredTopology;
  mesh: Topology | undefined;
  graph: Graph;
  finding: Finding;
}

function Shown({ view, topology, mesh, graph, finding }: ShownProps) {
  const [, go] = useLocation();
  const { choice, put } = view;
  const { places, isArranging, move, again } = usePlaces(graph, groupingOf(topology, view));
  // The field is as quick as the hand, also where the picture is not.
  const matches = useDeferredValue(finding.matches);
  const lit = useMemo(() => (mesh ? litBy(mesh) : null), [mesh]);
  const of = mesh?.segments[0];
  const drawing = useMemo(
    () => ({
      graph,
      places: places ?? new Map(),
      lit: view.isAlone ? null : lit,
      found: new Set(matches.map(({ id }) => id)),
      choice,
    }),
    [graph, places, lit, view.isAlone, matches, choice],
  );
  const choose = (next: Choice | null) => put(choosing(next));
  const open = (id: string) => {
    const node = graph.nodes.get(id);
    if (node?.kind === "host") go(pathOf("Host", node.title));
    else if (node) put(opening(id), true);
    const [of, ...others] = graph.hubs.get(id)?.segments ?? [];
    if (of && others.length === 0) go(pathOf("Segment", of.name, of.project));
  };
  const showSegment = (shown: Named | null) =>
    put({ segment: shown?.name, project: shown?.project, alone: null }, true);
  return (
    <>
      {topology.truncated && <Truncated topology={topology} />}
      {topology.edges_left_out > 0 && <LeftOut topology={topology} />}
      <StackItem>
        <div className="topology-sides">
          <Card className="topology-frame">
            <GraphView
              key={groupingOf(topology, view)}
              drawing={drawing}
              isArranging={isArranging}
              choose={choose}
              open={open}
              move={move}
              arrangeAgain={again}
            />
          </Card>
          <Panel
            graph={graph}
            choice={choice}
            choose={choose}
            open={open}
            segment={of && lit ? { of, lit } : null}
            showSegment={showSegment}
          />
        </div>
      </StackItem>
      <StackItem>
        <Lists
          graph={graph}
          choice={choice}
          choose={choose}
          segments={topology.segments}
          shown={view.segment ? titleOf(view.segment) : ""}
          showSegment={showSegment}
        />
      </StackItem>
    </>
  );
}

/** What has places of its own: beside hubs, a segment alone is another picture. */
const groupingOf = ({ group_by, within, meshes }: AnsweredTopology, { segment, isAlone }: View): string =>
  [group_by, within, isAlone && meshes === "hubs" && segment && titleOf(segment)].filter(Boolean).join("|");

function Truncated({ topology: { nodes, segments } }: { topology: Topology }) {
  return (
    <StackItem>
      <Alert variant="info" isInline isPlain title="There is more than is shown">
        These are {nodes.length} nodes, those with troubles and the largest first, and {segments.length} segments.
        Group the hosts, or narrow them by labels, to see all.
      </Alert>
    </StackItem>
  );
}

function LeftOut({ topology: { edges, edges_left_out } }: { topology: Topology }) {
  return (
    <StackItem>
      <Alert variant="info" isInline isPlain title={`${edges_left_out} more lines between hosts are not drawn`}>
        These are the {edges.length} worst. The spokes count the tunnels of all; group the hosts to see more.
      </Alert>
    </StackItem>
  );
}

function Nothing({ view }: { view: View }) {
  const { within, label_selector } = view.whole;
  const isNarrowed = Boolean(within || label_selector || view.isAlone);
  return (
    <StackItem>
      <Card>
        <CardBody>
          {isNarrowed ? (
            <Empty title="No hosts match">
              <EmptyStateFooter>
                <EmptyStateActions>
                  <Button
                    variant="link"
                    onClick={() => view.put({ within: null, label_selector: null, alone: null }, true)}
                  >
                    Show all hosts
                  </Button>
                </EmptyStateActions>
              </EmptyStateFooter>
            </Empty>
          ) : (
            <Empty title="No hosts yet">
              <EmptyStateBody>
                <Link href="/enrol">Enrol the first host</Link>, and it stands here as soon as its agent is heard.
              </EmptyStateBody>
            </Empty>
          )}
        </CardBody>
      </Card>
    </StackItem>
  );
}

function Empty({ title, children }: { title: string; children: ReactNode }) {
  return (
    <EmptyState headingLevel="h2" titleText={title} variant="sm">
      {children}
    </EmptyState>
  );
}
