/** The graph itself, for pointer and keyboard; the tables below it say the same in words. */

import { Button } from "@patternfly/react-core";
import { useEffect, useEffectEvent, useRef, type KeyboardEvent } from "react";
import { useTheme } from "../chrome/theme";
import { Canvas, type Choice, type Drawing } from "./canvas";
import { inWords, type Graph } from "./graph";
import type { Place } from "./layout";
import { towards, type Direction } from "./towards";

interface Props {
  drawing: Drawing;
  isArranging: boolean;
  choose: (choice: Choice | null) => void;
  open: (id: string) => void;
  move: (id: string, place: Place) => void;
  arrangeAgain: () => void;
}

const ARROWS: Record<string, Direction> = {
  ArrowUp: "up",
  ArrowDown: "down",
  ArrowLeft: "left",
  ArrowRight: "right",
};

/** Cytoscape adds a style element to the page unless one with this name is there; the content
 * security policy would refuse it. The rule that it holds is in topology.css. */
const STYLE_ELEMENT = "__________cytoscape_stylesheet";

export function GraphView({ drawing, isArranging, choose, open, move, arrangeAgain }: Props) {
  const element = useRef<HTMLDivElement>(null);
  const canvas = useRef<Canvas | null>(null);
  const theme = useTheme();
  const onChoose = useEffectEvent(choose);
  const onOpen = useEffectEvent(open);
  const onMove = useEffectEvent(move);

  useEffect(() => {
    if (!element.current) return;
    const made = new Canvas(element.current, {
      choose: (choice) => onChoose(choice),
      open: (id) => onOpen(id),
      move: (id, place) => onMove(id, place),
    });
    canvas.current = made;
    return () => {
      canvas.current = null;
      made.destroy();
    };
  }, []);
  useEffect(() => canvas.current?.draw(drawing), [drawing]);
  useEffect(() => canvas.current?.restyle(), [theme]);
  const chosen = drawing.choice?.to === null ? drawing.choice.at : null;
  useEffect(() => {
    if (chosen) canvas.current?.show(chosen);
  }, [chosen]);

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const direction = ARROWS[event.key];
    if (direction) {
      const { nodes, hubs } = drawing.graph;
      const next = towards(drawing.places, [...nodes.keys(), ...hubs.keys()], chosen, direction);
      if (next) choose({ at: next, to: null });
    } else if (event.key === "Enter" && chosen) open(chosen);
    else if (event.key === "Escape") choose(null);
    else if (event.key === "+") canvas.current?.zoom(true);
    else if (event.key === "-") canvas.current?.zoom(false);
    else if (event.key === "0") canvas.current?.fit();
    else return;
    event.preventDefault();
  };
  return (
    <div className="topology-graph">
      <span id={STYLE_ELEMENT} hidden />
      <div
        ref={element}
        className="topology-canvas __________cytoscape_container"
        role="application"
        tabIndex={0}
        aria-label={graphInWords(drawing.graph)}
        aria-describedby="topology-keys-help"
        onKeyDown={onKeyDown}
      />
      <p id="topology-keys-help" className="topology-keys muted detail">
        Arrow keys go from node to node, Enter opens, Escape leaves; + and − zoom, 0 shows all.
      </p>
      <p className="pf-v6-u-screen-reader" role="status">
        {chosen ? nodeInWords(drawing.graph, chosen) : ""}
      </p>
      {isArranging && <p className="topology-arranging">Arranging {drawing.graph.nodes.size} nodes…</p>}
      <div className="topology-zoom" role="group" aria-label="Picture">
        <Button variant="secondary" size="sm" aria-label="Zoom in" onClick={() => canvas.current?.zoom(true)}>
          +
        </Button>
        <Button variant="secondary" size="sm" aria-label="Zoom out" onClick={() => canvas.current?.zoom(false)}>
          −
        </Button>
        <Button variant="secondary" size="sm" onClick={() => canvas.current?.fit()}>
          Show all
        </Button>
        <Button variant="secondary" size="sm" isDisabled={isArranging} onClick={arrangeAgain}>
          Arrange again
        </Button>
      </div>
    </div>
  );
}

function graphInWords({ nodes, hubs, links }: Graph): string {
  const shared = hubs.size > 0 ? `, ${hubs.size} ${hubs.size === 1 ? "hub" : "hubs"}` : "";
  return `Graph of ${nodes.size} nodes${shared} and ${links.size} links`;
}

function nodeInWords({ nodes, hubs, of }: Graph, id: string): string {
  const hub = hubs.get(id);
  if (hub) return `${hub.title}: hub of ${hub.spokes.length} spokes, ${hub.tunnels} tunnels`;
  const node = nodes.get(id);
  if (!node) return "";
  const hosts = node.kind === "group" ? `${node.hosts} hosts, ` : "";
  return `${node.title}: ${hosts}${inWords(node.phases)}, ${of.get(id)?.length ?? 0} links`;
}
