"""How far the fleet is with one object, at once or as soon as it is there. Owns nothing."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from controller.api.dependencies import Context, Project
from controller.api.errors import declared
from controller.api.routes.kinds import COLLECTIONS, Collection
from controller.api.schemas.base import Text
from controller.api.schemas.realization import (
    LaggingHost,
    RealizationDocument,
    RealizationHosts,
)
from controller.api.waiting import Patient
from controller.auth import Principal
from controller.domain.intent import DEFAULT_PROJECT
from controller.domain.realization import State, Verdict
from controller.services.object_realization import ObjectRealization, object_realization

router = APIRouter(prefix="/v1")

SHOWN = 100
"""Hosts that are named when many are not there yet."""


def _add(of: Collection) -> None:
    @router.get(
        f"/{of.path}/{{name_or_uid}}/realization",
        operation_id=f"get_{of.one}_realization",
        tags=[of.path],
        response_model=RealizationDocument,
        responses=declared("unauthenticated", "not_found", "invalid", "unavailable"),
    )
    async def get_realization(
        context: Context, patient: Patient, name_or_uid: Text, project: Project = DEFAULT_PROJECT
    ) -> RealizationDocument:
        """Which of the hosts that it needs have it as intended, and what keeps the others.

        With `wait=realized` the answer comes once all have; at `timeout` it tells how far they are.
        """

        def look(caller: Principal) -> ObjectRealization:
            return object_realization(context.db, caller, of.kind, project, name_or_uid)

        return _document(await patient.until(look, _is_realized))


for _collection in COLLECTIONS:
    _add(_collection)


def _is_realized(found: ObjectRealization) -> bool:
    return found.state is State.REALIZED


def _document(found: ObjectRealization) -> RealizationDocument:
    return RealizationDocument(
        kind=found.kind.value,
        name=found.name,
        project=found.project,
        state=found.state,
        revision=found.revision,
        observed_revision=found.observed_revision,
        pending_since=found.pending_since,
        hosts=_hosts(found.verdicts),
    )


def _hosts(verdicts: Sequence[Verdict]) -> RealizationHosts:
    behind = [each for each in verdicts if not each.is_ok]
    failed = [each for each in behind if each.is_failed]
    pending = [each for each in behind if not each.is_failed]
    return RealizationHosts(
        total=len(verdicts),
        ok=len(verdicts) - len(behind),
        failed_count=len(failed),
        pending_count=len(pending),
        failed=[_lagging(each) for each in failed[:SHOWN]],
        pending=[_lagging(each) for each in pending[:SHOWN]],
    )


def _lagging(host: Verdict) -> LaggingHost:
    return LaggingHost(
        host=host.host,
        phase=host.phase.value,
        reason=host.reason,
        message=host.message,
        since=host.since,
    )
