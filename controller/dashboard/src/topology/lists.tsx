/** The graph in words: its nodes, links and segments as tables. */

import CheckIcon from "@patternfly/react-icons/dist/esm/icons/check-icon";
import { Button, Card, CardBody, Tab, Tabs, TabTitleText } from "@patternfly/react-core";
import { useMemo } from "react";
import { useUrlState } from "../chrome/url-state";
import { type Column, PagedTable } from "../chrome/paged-table";
import { ObjectLink } from "../kinds/object-link";
import { formatRate } from "../rates/units";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import { inWords, titleIn, worstAndBusiestFirst, WORST_FIRST, worstOf } from "./graph";
import type { Graph, Link, TopologyNode, TopologySegment } from "./graph";
import { nameOf, type PanelProps } from "./panel";
import { titleOf } from "./controls";

interface Props extends Omit<PanelProps, "open" | "segment" | "showSegment"> {
  segments: TopologySegment[];
  /** The one that stands out. */
  shown: string;
  showSegment: (segment: TopologySegment | null) => void;
}

export function Lists({ graph, choice, choose, segments, shown, showSegment }: Props) {
  const { get, put } = useUrlState();
  const isHosts = [...graph.nodes.values()].every(({ kind }) => kind === "host");
  const nodes = useMemo(
    () => [...graph.nodes.values()].sort((a, b) => rank(a) - rank(b) || a.title.localeCompare(b.title)),
    [graph],
  );
  const links = useMemo(
    () => [...graph.links.values(), ...graph.inner.values()].sort(worstAndBusiestFirst),
    [graph],
  );
  const nodesTitle = isHosts ? "Hosts" : "Groups";
  return (
    <Card component="section" aria-label="The graph as tables">
      <CardBody>
        <Tabs
          aria-label="The graph as tables"
          activeKey={get("list") || "nodes"}
          onSelect={(_, key) => put({ list: key === "nodes" ? null : String(key) })}
          mountOnEnter
          unmountOnExit
        >
          <Tab eventKey="nodes" title={<Counted title={nodesTitle} count={nodes.length} />}>
            <PagedTable
              label={nodesTitle}
              columns={nodeColumns(choose, isHosts)}
              items={nodes}
              keyOf={({ id }) => id}
              isChosen={({ id }) => choice?.to === null && choice.at === id}
            />
          </Tab>
          <Tab eventKey="links" title={<Counted title="Links" count={links.length} />}>
            <PagedTable
              label="Links"
              columns={linkColumns(graph, choose)}
              items={links}
              keyOf={({ id }) => id}
              isChosen={({ a, b }) => choice?.at === a && choice.to === b}
            />
          </Tab>
          <Tab eventKey="segments" title={<Counted title="Segments" count={segments.length} />}>
            <PagedTable
              label="Segments"
              columns={segmentColumns(shown, showSegment)}
              items={segments}
              keyOf={titleOf}
              isChosen={(segment) => titleOf(segment) === shown}
            />
          </Tab>
        </Tabs>
      </CardBody>
    </Card>
  );
}

const rank = ({ phases }: TopologyNode): number => WORST_FIRST.indexOf(worstOf(phases));

function Counted({ title, count }: { title: string; count: number }) {
  return (
    <TabTitleText>
      {title}
      <span className="count">{count}</span>
    </TabTitleText>
  );
}

function nodeColumns(choose: Props["choose"], isHosts: boolean): Column<TopologyNode>[] {
  return [
    {
      title: isHosts ? "Host" : "Group",
      cell: ({ id, title }) => (
        <Button variant="link" isInline onClick={() => choose({ at: id, to: null })}>
          {title}
        </Button>
      ),
    },
    ...(isHosts
      ? []
      : [{ title: "Hosts", className: "number", cell: ({ hosts }: TopologyNode) => hosts }]),
    { title: "Phase", cell: ({ phases }) => <PhaseLabel phase={worstOf(phases)} /> },
    ...(isHosts ? [] : [{ title: "By phase", cell: ({ phases }: TopologyNode) => inWords(phases) }]),
    {
      title: "Connected",
      className: "number",
      cell: ({ connected, hosts }) => (isHosts ? (connected ? "yes" : "no") : `${connected} of ${hosts}`),
    },
  ];
}

function linkColumns(graph: Graph, choose: Props["choose"]): Column<Link>[] {
  return [
    {
      title: "Between",
      cell: (link) => (
        <Button variant="link" isInline onClick={() => choose({ at: link.a, to: link.b })}>
          {nameOf(link, undefined, (id) => titleIn(graph, id))}
        </Button>
      ),
    },
    { title: "Phase", cell: ({ phase }) => <PhaseLabel phase={phase} /> },
    { title: "Tunnels", className: "number", cell: ({ tunnels }) => tunnels },
    { title: "Segments", className: "number", cell: ({ segments }) => segments },
    {
      title: "There / back",
      className: "number nowrap",
      cell: ({ tx_bps, rx_bps }) => `${formatRate(tx_bps, "bit/s")} / ${formatRate(rx_bps, "bit/s")}`,
    },
    {
      title: "Reason",
      className: "reason-cell",
      cell: ({ worst }) =>
        worst ? (
          <span>
            <span className="reason">{worst.reason}</span>{" "}
            <span className="muted">
              <Message text={worst.message} />
            </span>
          </span>
        ) : (
          <span className="muted">—</span>
        ),
    },
  ];
}

function segmentColumns(shown: string, show: Props["showSegment"]): Column<TopologySegment>[] {
  return [
    { title: "Segment", cell: ({ name, project }) => <ObjectLink kind="Segment" name={name} project={project} /> },
    { title: "Project", cell: ({ project }) => project },
    { title: "VNI", className: "number", cell: ({ vni }) => vni },
    { title: "Hosts", className: "number", cell: ({ hosts }) => hosts },
    { title: "Phase", cell: ({ phase }) => <PhaseLabel phase={phase} /> },
    {
      title: "In the graph",
      cell: (segment) => {
        const isShown = titleOf(segment) === shown;
        return (
          <Button
            variant="link"
            isInline
            aria-pressed={isShown}
            aria-label={`Let ${segment.name} stand out`}
            icon={isShown ? <CheckIcon /> : undefined}
            onClick={() => show(isShown ? null : segment)}
          >
            stand out
          </Button>
        );
      },
    },
  ];
}
