"""Shapes of what is in use of a pool. Owns nothing."""

from __future__ import annotations

from datetime import datetime

from controller.api.schemas.base import Answer
from controller.api.schemas.manifests import KindName


class AllocationDocument(Answer):
    value: str
    """A VNI or an address."""
    kind: KindName
    name: str | None
    """Of the object that has it, or had it last; null for one of a project that is not yours."""
    project: str | None
    since: datetime
    """When it was taken or, once it is released, when that was."""
    is_released: bool
    """Nothing has it any more, and it is not free again: its quarantine is not over, or a host has
    not confirmed that it is gone."""


class PoolUsage(Answer):
    total: int
    """How many values the ranges have."""
    used: int
    quarantined: int
    """Released, and not free again yet."""
    free: int
    allocations: list[AllocationDocument]
    """A page of what is used and what is quarantined, in the order of the values."""
    next_page_token: str
    """Give it as ``page_token`` for the next page; empty on the last."""
    revision: int
    """Fleet revision that the page was read at."""
