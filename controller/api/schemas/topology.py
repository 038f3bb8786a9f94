"""Shapes of the fleet as a graph. Owns nothing."""

from __future__ import annotations

from typing import Literal

from controller.api.schemas.answers import PhaseCounts
from controller.api.schemas.base import Answer
from controller.api.schemas.documents import PhaseName


class TopologyNode(Answer):
    """A host, or hosts that are shown as one."""

    id: str
    """Of a host its uid; of a group what makes it one, such as `zone:east` or `label:rack=r1`."""
    title: str
    kind: Literal["host", "group"]
    hosts: int
    phases: PhaseCounts
    """Of the hosts."""
    connected: int
    """Hosts whose agent is heard."""
    labels: dict[str, str]
    """Those that all of the hosts have alike."""


class TopologyTrouble(Answer):
    reason: str
    message: str


class TopologyEdge(Answer):
    """The tunnels between two nodes, or within one group: then `a` and `b` are the same."""

    a: str
    b: str
    tunnels: int
    """Each counted once, though both of its hosts have an end of it."""
    phases: PhaseCounts
    """Of the tunnels: each is as the worse of its ends is."""
    segments: int
    """How many have tunnels here; 0 where only explicit tunnels are."""
    tx_bps: float | None
    """Bits per second from `a` to `b` at present. None: nobody counts it (the kernel counts whole
    segments), or there are too many tunnels to add up."""
    rx_bps: float | None
    worst: TopologyTrouble | None
    """Of a tunnel in the worst phase; None when all are Ready."""


class TopologySpoke(Answer):
    """The ends, in one node, of the tunnels that a hub stands for."""

    node: str
    ends: int
    """A tunnel within the node has two."""
    phases: PhaseCounts
    """Of the ends, as the hosts there have them."""
    tx_bps: float | None
    """Bits per second from the node into its tunnels at present. None: nobody counts it, or there
    are too many tunnels to add up."""
    rx_bps: float | None
    worst: TopologyTrouble | None
    """Of an end in the worst phase; None when all are Ready."""


class HubSegment(Answer):
    project: str
    name: str


class TopologyHub(Answer):
    """Full meshes of the same nodes."""

    id: str
    """Of its first segment: `segment:UID`."""
    segments: list[HubSegment]
    """By project and name."""
    tunnels: int
    spokes: list[TopologySpoke]


class TopologySegment(Answer):
    project: str
    name: str
    vni: int
    hosts: int
    phase: PhaseName


class TopologyDocument(Answer):
    revision: int
    group_by: str
    """What the nodes are, also where `auto` was asked for."""
    nodes: list[TopologyNode]
    """By title, at most 150: of more hosts those with troubles, of more groups the largest."""
    meshes: Literal["pairs", "hubs"]
    """How full meshes are told, also where `auto` was asked for."""
    edges: list[TopologyEdge]
    """Beside hubs at most 400, of more the worst: tunnels that have a trouble of their own, and
    those that no hub stands for."""
    edges_left_out: int
    hubs: list[TopologyHub]
    tunnels: int
    """Between the nodes and within them, each once."""
    segments: list[TopologySegment]
    """At most 500; the worst and largest first."""
    truncated: bool
    """There are more nodes or segments than these. The edges are those between the nodes here."""
