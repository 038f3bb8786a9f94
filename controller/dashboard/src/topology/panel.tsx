/** What is chosen in the graph, or what the graph means while nothing is. */

import { Button, Card, CardBody, CardHeader, CardTitle, DescriptionList } from "@patternfly/react-core";
import { DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from "@patternfly/react-core";
import { Label } from "@patternfly/react-core";
import TimesIcon from "@patternfly/react-icons/dist/esm/icons/times-icon";
import type { ReactNode } from "react";
import { ObjectLink } from "../kinds/object-link";
import { formatRate } from "../rates/units";
import { Message } from "../status/message";
import { PhaseLabel } from "../status/phase";
import type { Choice } from "./canvas";
import { inWords, linkId, titleIn, worstAndBusiestFirst, worstOf } from "./graph";
import type { Graph, Hub, Link, Lit, Named, TopologyNode, TopologySegment } from "./graph";
import { HostTunnels } from "./host-tunnels";
import { Legend } from "./legend";

export interface PanelProps {
  graph: Graph;
  choice: Choice | null;
  choose: (choice: Choice | null) => void;
  open: (id: string) => void;
  /** The one that stands out, with what belongs to it. */
  segment: { of: TopologySegment; lit: Lit } | null;
  showSegment: (segment: Named) => void;
}

const MOST_LINKS = 8;

export function Panel(props: PanelProps) {
  const { graph, choice } = props;
  const node = choice && graph.nodes.get(choice.at);
  const hub = choice && graph.hubs.get(choice.to ?? choice.at);
  if (node && hub) return <SpokePanel {...props} node={node} hub={hub} />;
  if (hub) return <HubPanel {...props} hub={hub} />;
  const far = choice?.to ? graph.nodes.get(choice.to) : undefined;
  if (node && far) return <LinkPanel {...props} a={node} b={far} />;
  if (node) return <NodePanel {...props} node={node} />;
  return <Overview {...props} />;
}

function Framed({ title, close, children }: { title: ReactNode; close?: () => void; children: ReactNode }) {
  const actions = close && (
    <Button variant="plain" size="sm" aria-label="Leave this" icon={<TimesIcon />} onClick={close} />
  );
  return (
    <Card component="section" aria-labelledby="topology-panel" isCompact className="topology-panel">
      <CardHeader {...(actions && { actions: { actions, hasNoOffset: true } })}>
        <CardTitle component="h2" id="topology-panel">
          {title}
        </CardTitle>
      </CardHeader>
      <CardBody>{children}</CardBody>
    </Card>
  );
}

const ALL_READY = "All tunnels are Ready. Choose a node or a link to see more of it.";
const NO_TUNNELS =
  "There are no tunnels between these hosts: a segment has some as soon as it has ports on two hosts.";

function Overview({ graph, choose, segment }: PanelProps) {
  const links = [...graph.links.values(), ...graph.inner.values()].filter(
    ({ id }) => !segment || segment.lit.links.has(id),
  );
  const troubles = links.filter(({ phase }) => phase !== "Ready");
  return (
    <Framed title={segment ? `Segment ${segment.of.name}` : "Links"}>
      {segment && <SegmentFacts segment={segment.of} />}
      {troubles.length > 0 ? (
        <>
          <p className="topology-line">
            {troubles.length} of {links.length} links have tunnels that are not Ready:
          </p>
          <LinkList graph={graph} links={troubles} choose={choose} />
        </>
      ) : (
        <p className="topology-line muted">{links.length > 0 ? ALL_READY : NO_TUNNELS}</p>
      )}
      <Legend />
    </Framed>
  );
}

function SegmentFacts({ segment: { name, project, vni, hosts, phase } }: { segment: TopologySegment }) {
  return (
    <>
      <p className="topology-line">
        <PhaseLabel phase={phase} /> <ObjectLink kind="Segment" name={name} project={project} />
      </p>
      <Facts
        facts={[
          ["Project", project],
          ["VNI", vni],
          ["Hosts", hosts],
        ]}
      />
    </>
  );
}

function NodePanel({ graph, node, choose, open }: PanelProps & { node: TopologyNode }) {
  const links = graph.of.get(node.id) ?? [];
  const labels = Object.entries(node.labels).sort();
  return (
    <Framed title={node.title} close={() => choose(null)}>
      <p className="topology-line">
        <PhaseLabel phase={worstOf(node.phases)} />{" "}
        {node.kind === "host" ? (
          <ObjectLink kind="Host" name={node.title} />
        ) : (
          <Button variant="link" isInline onClick={() => open(node.id)}>
            Show its {node.hosts} hosts
          </Button>
        )}
      </p>
      <Facts
        facts={[
          ["Hosts", node.kind === "group" && inWords(node.phases)],
          ["Agent", node.kind === "host" && (node.connected ? "connected" : "not heard")],
          ["Agents", node.kind === "group" && `${node.connected} of ${node.hosts} connected`],
          [
            "Labels",
            labels.length > 0 && (
              <span className="labels">
                {labels.map(([key, value]) => (
                  <Label key={key} isCompact variant="outline">
                    {key}={value}
                  </Label>
                ))}
              </span>
            ),
          ],
        ]}
      />
      <h3 className="topology-subtitle">
        Links<span className="count">{links.length}</span>
      </h3>
      {links.length > 0 ? (
        <LinkList graph={graph} links={links} choose={choose} from={node.id} />
      ) : (
        <p className="muted">No tunnel begins or ends here.</p>
      )}
    </Framed>
  );
}

function LinkPanel({ graph, choose, a, b }: PanelProps & { a: TopologyNode; b: TopologyNode }) {
  const link = a.id === b.id ? graph.inner.get(a.id) : graph.links.get(linkId(a.id, b.id));
  const title = a.id === b.id ? `Within ${a.title}` : `${a.title} to ${b.title}`;
  if (!link)
    return (
      <Framed title={title} close={() => choose(null)}>
        <p className="muted">There is no tunnel between them any more.</p>
      </Framed>
    );
  const [there, back] = [formatRate(link.tx_bps, "bit/s"), formatRate(link.rx_bps, "bit/s")];
  const isCounted = link.tx_bps !== null || link.rx_bps !== null;
  return (
    <Framed title={title} close={() => choose(null)}>
      <PhaseAndReason link={link} />
      <Facts
        facts={[
          ["Tunnels", `${link.tunnels} (${inWords(link.phases)})`],
          ["Segments", link.segments],
          [`${a.title} to ${b.title}`, isCounted ? there : "not counted"],
          [`${b.title} to ${a.title}`, a.id !== b.id && (isCounted ? back : "not counted")],
          ["Ends", <Ends key="ends" ends={a.id === b.id ? [a] : [a, b]} choose={choose} />],
        ]}
      />
      {a.kind === "host" && b.kind === "host" && <HostTunnels host={a.title} remote={b.title} />}
    </Framed>
  );
}

function SpokePanel({ graph, choose, node, hub }: PanelProps & { node: TopologyNode; hub: Hub }) {
  const spoke = graph.links.get(linkId(node.id, hub.id));
  const title = `${node.title} in ${hub.title}`;
  if (!spoke)
    return (
      <Framed title={title} close={() => choose(null)}>
        <p className="muted">It has no tunnels of it any more.</p>
      </Framed>
    );
  const isCounted = spoke.tx_bps !== null || spoke.rx_bps !== null;
  return (
    <Framed title={title} close={() => choose(null)}>
      <PhaseAndReason link={spoke} />
      <Facts
        facts={[
          ["Ends of tunnels", `${spoke.tunnels} (${inWords(spoke.phases)})`],
          ["Sends", isCounted ? formatRate(spoke.tx_bps, "bit/s") : "not counted"],
          ["Receives", isCounted ? formatRate(spoke.rx_bps, "bit/s") : "not counted"],
          [node.kind === "host" ? "Host" : "Group", <Ends key="node" ends={[node]} choose={choose} />],
          [
            "Hub",
            <Button key="hub" variant="link" isInline onClick={() => choose({ at: hub.id, to: null })}>
              {hub.title}
            </Button>,
          ],
        ]}
      />
    </Framed>
  );
}

/** A full mesh, or several of the same nodes. */
function HubPanel({ graph, hub, choose, showSegment }: PanelProps & { hub: Hub }) {
  const spokes = graph.of.get(hub.id) ?? [];
  const troubles = spokes.filter(({ phase }) => phase !== "Ready");
  return (
    <Framed title={hub.title} close={() => choose(null)}>
      <Facts
        facts={[
          ["Tunnels", hub.tunnels.toLocaleString()],
          ["Spokes", `${spokes.length}, ${troubles.length} with ends that are not Ready`],
        ]}
      />
      <p className="topology-line muted">
        {hub.segments.length === 1 ? "A full mesh: each" : "Full meshes of the same nodes: each"} of these has
        tunnels to all others.
      </p>
      {troubles.length > 0 && <LinkList graph={graph} links={troubles} choose={choose} from={hub.id} />}
      <h3 className="topology-subtitle">
        Segments<span className="count">{hub.segments.length}</span>
      </h3>
      <ul className="topology-links">
        {hub.segments.slice(0, MOST_LINKS).map(({ project, name }) => (
          <li key={`${project}/${name}`}>
            <ObjectLink kind="Segment" name={name} project={project} />
            <Button
              variant="link"
              isInline
              aria-label={`Let ${name} stand out`}
              onClick={() => showSegment({ project, name })}
            >
              stand out
            </Button>
          </li>
        ))}
        {hub.segments.length > MOST_LINKS && (
          <li className="muted detail">and {hub.segments.length - MOST_LINKS} more in the table of segments</li>
        )}
      </ul>
    </Framed>
  );
}

function PhaseAndReason({ link: { phase, worst } }: { link: Link }) {
  return (
    <>
      <p className="topology-line">
        <PhaseLabel phase={phase} />
      </p>
      {worst && (
        <p className="topology-line">
          <span className="reason">{worst.reason}</span> <Message text={worst.message} />
        </p>
      )}
    </>
  );
}

function Ends({ ends, choose }: { ends: TopologyNode[]; choose: PanelProps["choose"] }) {
  return ends.map(({ id, title, kind }) => (
    <div key={id}>
      {kind === "host" ? (
        <ObjectLink kind="Host" name={title} />
      ) : (
        <Button variant="link" isInline onClick={() => choose({ at: id, to: null })}>
          {title}
        </Button>
      )}
    </div>
  ));
}

function Facts({ facts }: { facts: [term: string, value: ReactNode | false][] }) {
  return (
    <DescriptionList isHorizontal isCompact isFluid className="topology-facts">
      {facts.map(
        ([term, value]) =>
          value !== false && (
            <DescriptionListGroup key={term}>
              <DescriptionListTerm>{term}</DescriptionListTerm>
              <DescriptionListDescription className="number">{value}</DescriptionListDescription>
            </DescriptionListGroup>
          ),
      )}
    </DescriptionList>
  );
}

interface LinkListProps {
  graph: Graph;
  links: Link[];
  choose: PanelProps["choose"];
  /** The node that they are links of. */
  from?: string;
}

function LinkList({ graph, links, choose, from }: LinkListProps) {
  const first = [...links].sort(worstAndBusiestFirst).slice(0, MOST_LINKS);
  return (
    <ul className="topology-links">
      {first.map((link) => (
        <li key={link.id}>
          <PhaseLabel phase={link.phase} />
          <Button variant="link" isInline onClick={() => choose({ at: link.a, to: link.b })}>
            {nameOf(link, from, (id) => titleIn(graph, id))}
          </Button>
          {link.worst && <span className="muted detail">{link.worst.reason}</span>}
        </li>
      ))}
      {links.length > first.length && (
        <li className="muted detail">and {links.length - first.length} more in the table of links</li>
      )}
    </ul>
  );
}

export function nameOf({ a, b, isSpoke }: Link, from: string | undefined, title: (id: string) => string): string {
  if (a === b) return `within ${title(a)}`;
  if (from === a) return title(b);
  if (from === b) return title(a);
  return isSpoke ? `${title(a)} in ${title(b)}` : `${title(a)} to ${title(b)}`;
}
