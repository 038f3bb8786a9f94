"""Answers about statistics. Owns nothing."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import Field

from controller.api.schemas.base import Answer
from controller.domain.intent import Kind
from controller.domain.statistics import Resolution


class StatsObject(Answer):
    kind: Kind
    name: str
    project: str
    uid: UUID


class StatsSeries(Answer):
    name: str
    """Of the object, of the device, or `ports` for the sum of ports."""
    host: str | None
    """`null`: of more than one."""
    device: str | None
    """Its name on the host; `null` where it has none, or is more than one."""
    rates: dict[str, list[float | None]]
    """Per second, by counter, as long as `times`; only the counters that there are. `null` where
    nothing was heard."""


class StatsDocument(Answer):
    object: StatsObject
    from_: datetime = Field(serialization_alias="from")
    """Beginning of the first bucket: what was asked for, rounded down to a step."""
    to: datetime
    """End of the last bucket."""
    step_seconds: int
    """At least what was asked for, and what was stored that long ago."""
    resolution: Resolution
    """What the rates are read from: samples, or sums of a minute, 15 minutes or an hour."""
    times: list[int]
    """Beginning of each bucket, in UNIX seconds."""
    series: list[StatsSeries]
