"""The fleet's hosts and the tunnels between them, to be drawn. Owns nothing."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from controller.api.context import AppContext
from controller.api.conversion import to_phase_counts
from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.gathering import gathered
from controller.api.label_selectors import parse_selector
from controller.api.schemas.base import Text
from controller.api.schemas.topology import (
    HubSegment,
    TopologyDocument,
    TopologyEdge,
    TopologyHub,
    TopologyNode,
    TopologySegment,
    TopologySpoke,
    TopologyTrouble,
)
from controller.auth import Principal
from controller.domain.fleet_graph import Edge
from controller.domain.fleet_hubs import Meshes
from controller.domain.host_grouping import parse_group_by
from controller.services.topology import (
    Asked,
    Between,
    DrawnHub,
    ListedSegment,
    Node,
    Spoke,
    topology,
)

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get(
    "/topology",
    operation_id="get_topology",
    response_model=TopologyDocument,
    responses=declared("unauthenticated", "not_found", "invalid", "unavailable"),
)
async def get_topology(
    *,
    request: Request,
    context: Context,
    caller: Caller,
    group_by: Annotated[
        Text,
        Query(
            description="`host`, `zone`, `group` (HostGroups) or `label:KEY`; `auto`: hosts up to"
            " 150, else zones, or groups where there are no zones."
        ),
    ] = "auto",
    segment: Annotated[
        Text | None,
        Query(description="Only the mesh of this one, by name or uid, and the hosts in it."),
    ] = None,
    project: Annotated[
        Text | None, Query(description="Only what it owns, and the hosts that this is on.")
    ] = None,
    label_selector: Annotated[
        Text, Query(description="Of the hosts: `rack=r1,tier in (a,b)`.")
    ] = "",
    within: Annotated[
        Text | None,
        Query(description="Only the hosts of this group: the `id` of a node, as `zone:east`."),
    ] = None,
    meshes: Annotated[
        Meshes,
        Query(
            description="How full meshes are told: `pairs`, as edges between nodes; `hubs`, as one"
            " hub with a spoke to each node; `auto`: hubs where there are more than 60 edges."
        ),
    ] = Meshes.PAIRS,
) -> Response:
    """Hosts, or groups of them, and how the tunnels between them are doing, counted by pair."""
    asked = Asked(
        parse_group_by(group_by), parse_selector(label_selector), project, segment, within, meshes
    )
    question = ("topology", group_by, label_selector, project, segment, within, meshes)
    return await gathered(request, caller, question, partial(_look, context, caller, asked))


def _look(context: AppContext, caller: Principal, asked: Asked) -> TopologyDocument:
    found = topology(context.db, context.stats_db, caller, asked, now=context.now())
    return TopologyDocument(
        revision=found.revision,
        group_by=str(found.group_by),
        nodes=[_node(node) for node in found.nodes],
        meshes="hubs" if found.meshes is Meshes.HUBS else "pairs",
        edges=[_edge(edge) for edge in found.edges],
        edges_left_out=found.edges_left_out,
        hubs=[_hub(hub) for hub in found.hubs],
        tunnels=found.tunnels,
        segments=[_segment(segment) for segment in found.segments],
        truncated=found.truncated,
    )


def _node(node: Node) -> TopologyNode:
    return TopologyNode(
        id=node.of.id,
        title=node.of.title,
        kind="host" if node.of.is_host else "group",
        hosts=len(node.of.hosts),
        phases=to_phase_counts(node.phases),
        connected=node.connected,
        labels=node.of.labels,
    )


def _edge(between: Between) -> TopologyEdge:
    edge, load = between.edge, between.load
    return TopologyEdge(
        a=between.a,
        b=between.b,
        tunnels=edge.tunnels,
        phases=to_phase_counts(edge.phases),
        segments=edge.segments,
        tx_bps=None if load is None else load.tx_bps,
        rx_bps=None if load is None else load.rx_bps,
        worst=_trouble(edge),
    )


def _hub(hub: DrawnHub) -> TopologyHub:
    return TopologyHub(
        id=hub.id,
        segments=[HubSegment(project=each.project, name=each.name) for each in hub.segments],
        tunnels=hub.tunnels,
        spokes=[_spoke(spoke) for spoke in hub.spokes],
    )


def _spoke(spoke: Spoke) -> TopologySpoke:
    edge, load = spoke.edge, spoke.load
    return TopologySpoke(
        node=spoke.node,
        ends=edge.tunnels,
        phases=to_phase_counts(edge.phases),
        tx_bps=None if load is None else load.tx_bps,
        rx_bps=None if load is None else load.rx_bps,
        worst=_trouble(edge),
    )


def _trouble(edge: Edge) -> TopologyTrouble | None:
    return TopologyTrouble(reason=edge.worst[1], message=edge.worst[2]) if edge.worst else None


def _segment(segment: ListedSegment) -> TopologySegment:
    return TopologySegment(
        project=segment.project,
        name=segment.name,
        vni=segment.vni,
        hosts=segment.hosts,
        phase=segment.phase.value,
    )
