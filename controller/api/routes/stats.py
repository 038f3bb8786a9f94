"""Rates over time of ports, tunnels, segments and hosts. Owns nothing."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from controller.api.dependencies import Caller, Context, Project
from controller.api.errors import declared
from controller.api.schemas.base import Text
from controller.api.schemas.stats import StatsDocument, StatsObject, StatsSeries
from controller.domain.errors import InvalidError, Violation
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.domain.statistics import Window, window
from controller.services.statistics_reads import (
    Statistics,
    read_statistics,
    read_subject_statistics,
)

router = APIRouter(prefix="/v1", tags=["statistics"])

_ERRORS = declared("unauthenticated", "not_found", "invalid", "unavailable")
_LONGEST_STEP = 366 * 86_400

From = Annotated[
    Text | None,
    Query(alias="from", description="RFC 3339 or UNIX seconds; 15 minutes before `to`."),
]
To = Annotated[Text | None, Query(description="RFC 3339 or UNIX seconds; now.")]
Step = Annotated[
    int | None,
    Query(ge=1, le=_LONGEST_STEP, description="Seconds; so that there are about 180 points."),
]


def _asked(context: Context, from_: From = None, to: To = None, step: Step = None) -> Window:
    start = None if from_ is None else _moment("from", from_)
    end = None if to is None else _moment("to", to)
    return window(start, end, None if step is None else timedelta(seconds=step), now=context.now())


Asked = Annotated[Window, Depends(_asked)]


def _add(path: str, kind: Kind) -> None:
    @router.get(
        f"/{path}/{{name_or_uid}}/stats",
        operation_id=f"get_{kind.lower()}_stats",
        response_model=StatsDocument,
        responses=_ERRORS,
    )
    def get_stats(
        *,
        context: Context,
        caller: Caller,
        name_or_uid: Text,
        project: Project = DEFAULT_PROJECT,
        asked: Asked,
    ) -> StatsDocument:
        found = read_statistics(
            context.stats_db, caller, kind, name_or_uid, asked, project=project, now=context.now()
        )
        return _document(found)


_add("ports", Kind.PORT)
_add("tunnels", Kind.TUNNEL)
_add("segments", Kind.SEGMENT)


@router.get(
    "/hosts/{name_or_uid}/stats",
    operation_id="get_host_stats",
    response_model=StatsDocument,
    responses=_ERRORS,
)
def get_host_stats(
    *,
    context: Context,
    caller: Caller,
    name_or_uid: Text,
    asked: Asked,
    subject: Annotated[
        Text | None,
        Query(description="Only what the host counts for this, e.g. `tunnel:<uid>`."),
    ] = None,
) -> StatsDocument:
    """The sum of all ports, and each device that carries the underlay or all tunnels."""
    if subject is not None:
        found = read_subject_statistics(
            context.stats_db, caller, name_or_uid, subject, asked, now=context.now()
        )
    else:
        found = read_statistics(
            context.stats_db, caller, Kind.HOST, name_or_uid, asked, now=context.now()
        )
    return _document(found)


def _moment(name: str, text: str) -> datetime:
    for read in (_unix, _rfc3339):
        with suppress(ValueError, OverflowError, OSError):
            return read(text)
    violation = Violation(
        "",
        "malformed_time",
        f"{name} is {text!r}, which is no time",
        "write 2026-01-31T12:00:00Z, with the zone, or seconds since 1970",
    )
    raise InvalidError(violation.detail, [violation])


def _unix(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC)


def _rfc3339(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("without a zone it could be anywhere")
    return moment.astimezone(UTC)


def _document(found: Statistics) -> StatsDocument:
    of, grid = found.object, found.grid
    return StatsDocument(
        object=StatsObject(kind=of.kind, name=of.name, project=of.project, uid=of.uid),
        from_=grid.start,
        to=grid.end,
        step_seconds=int(grid.step.total_seconds()),
        resolution=grid.resolution,
        times=[int(at.timestamp()) for at in grid.times()],
        series=[
            StatsSeries(name=each.name, host=each.host, device=each.device, rates=dict(each.rates))
            for each in found.series
        ],
    )
