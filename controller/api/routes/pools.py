"""What is in use of a pool, and the hosts that a group has now: for reading only. Owns nothing."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from controller.api.dependencies import Caller, Context
from controller.api.errors import declared
from controller.api.listing import AsRead, list_page
from controller.api.paging import (
    DEFAULT_PAGE_SIZE,
    LARGEST_PAGE_SIZE,
    decode_page_token,
    encode_page_token,
)
from controller.api.routes.collections import PageSize, PageToken
from controller.api.schemas.base import Text
from controller.api.schemas.documents import HostPage
from controller.api.schemas.pools import AllocationDocument, PoolUsage
from controller.domain.definitions import HostGroupSpec
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import pools, queries

router = APIRouter(prefix="/v1")

_ERRORS = declared("unauthenticated", "not_found", "invalid", "unavailable")


@router.get(
    "/pools/{name_or_uid}/usage",
    operation_id="get_pool_usage",
    tags=["pools"],
    response_model=PoolUsage,
    responses=_ERRORS,
)
def get_pool_usage(
    context: Context,
    caller: Caller,
    name_or_uid: Text,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
) -> PoolUsage:
    """How much of the pool is used, and by what."""
    question = ("usage", name_or_uid)
    after = decode_page_token(page_token, *question)
    size = min(page_size, LARGEST_PAGE_SIZE)
    found = pools.usage(context.db, caller, name_or_uid, page_size=size, after=after)
    return PoolUsage(
        total=found.total,
        used=found.used,
        quarantined=found.quarantined,
        free=found.free,
        allocations=[AllocationDocument.model_validate(asdict(a)) for a in found.allocations],
        next_page_token=encode_page_token(found.next_after, *question),
        revision=found.revision,
    )


@router.get(
    "/host-groups/{name_or_uid}/hosts",
    operation_id="list_host_group_hosts",
    tags=["host-groups"],
    response_model=HostPage,
    responses=_ERRORS,
)
def list_host_group_hosts(
    *,
    context: Context,
    caller: Caller,
    name_or_uid: Text,
    page_size: PageSize = DEFAULT_PAGE_SIZE,
    page_token: PageToken = "",
    reading: AsRead,
) -> Any:
    """The hosts whose labels the group's selector matches now."""
    group = queries.get(context.db, caller, Kind.HOST_GROUP, DEFAULT_PROJECT, name_or_uid).object
    assert isinstance(group.spec, HostGroupSpec)  # noqa: S101 (its kind says so)
    return list_page(
        context.db,
        caller,
        kind=Kind.HOST,
        project=None,
        page_size=page_size,
        page_token=page_token,
        label_selector=group.spec.selector,
        reading=reading,
    )
