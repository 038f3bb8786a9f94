"""Effective tunnels of a host and of a segment: computed, and for reading only. Owns nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query

from controller.api.dependencies import Caller, Context, Project
from controller.api.errors import declared
from controller.api.paging import (
    DEFAULT_PAGE_SIZE,
    LARGEST_PAGE_SIZE,
    decode_page_token,
    encode_page_token,
)
from controller.api.routes.collections import PageSize, PageToken
from controller.api.schemas.base import Text
from controller.api.schemas.tunnels import (
    EffectiveTunnelDocument,
    EffectiveTunnelPage,
    HostTunnelPage,
)
from controller.domain.intent import DEFAULT_PROJECT
from controller.services import effective, effective_hosts
from controller.services.effective import EffectiveTunnel, Health
from controller.services.effective_hosts import Narrowed

router = APIRouter(prefix="/v1", tags=["tunnels"])

_MOST_IDS = 100

_ERRORS = declared("unauthenticated", "not_found", "invalid", "unavailable")


@router.get(
    "/hosts/{name_or_uid}/tunnels",
    operation_id="list_host_tunnels",
    response_model=HostTunnelPage,
    responses=_ERRORS,
)
def list_host_tunnels(
    *,
    context: Context,
    caller: Caller,
    name_or_uid: Text,
    q: Annotated[
        Text,
        Query(
            description="Words that are all in the name, the remote host or address, the VNI, the"
            " backend, the phase or the reason, in capitals or not."
        ),
    ] = "",
    remote: Annotated[Text | None, Query(description="Only to this host: its name or uid.")] = None,
    id: Annotated[  # noqa: A002 (the name in the address)
        list[Text],
        Query(
            max_length=_MOST_IDS,
            description="Only these, such as `tunnel:<uid>`; `segment:<uid>` stands for all of"
            " that segment's, as the kernel counts.",
        ),
    ] = [],  # noqa: B006 (FastAPI copies it)
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> HostTunnelPage:
    """The tunnels that the host shall have: those of its segments' meshes, by segment and remote
    end, then explicit ones by name."""
    words = q.casefold().split()
    narrowed = Narrowed(tuple(words), remote, frozenset(id))
    question = ("tunnels of a host", name_or_uid, " ".join(words), remote, *sorted(narrowed.ids))
    found = effective_hosts.host_tunnels(
        context.db,
        caller,
        name_or_uid,
        narrowed,
        page_size=min(page_size, LARGEST_PAGE_SIZE),
        after=decode_page_token(page_token, *question),
    )
    return HostTunnelPage(
        items=[_document(tunnel) for tunnel in found.tunnels],
        next_page_token=encode_page_token(found.next_after, *question),
        revision=found.revision,
        total=found.total,
    )


@router.get(
    "/segments/{name_or_uid}/tunnels",
    operation_id="list_segment_tunnels",
    response_model=EffectiveTunnelPage,
    responses=_ERRORS,
)
def list_segment_tunnels(
    *,
    context: Context,
    caller: Caller,
    name_or_uid: Text,
    project: Project = DEFAULT_PROJECT,
    host: Annotated[
        Text | None, Query(description="Only those that this host has: its name or uid.")
    ] = None,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> EffectiveTunnelPage:
    """The mesh of the segment, each tunnel from both of its sides, by the names of their ends."""
    question = ("tunnels", project, name_or_uid, host)
    found = effective.segment_tunnels(
        context.db,
        caller,
        project,
        name_or_uid,
        host=host,
        page_size=min(page_size, LARGEST_PAGE_SIZE),
        after=decode_page_token(page_token, *question),
    )
    return EffectiveTunnelPage(
        items=[_document(tunnel) for tunnel in found.tunnels],
        next_page_token=encode_page_token(found.next_after, *question),
        revision=found.revision,
    )


def _document(tunnel: EffectiveTunnel) -> EffectiveTunnelDocument:
    fields = asdict(tunnel)
    health: Health = fields.pop("health")
    return EffectiveTunnelDocument.model_validate(fields | health._asdict())
