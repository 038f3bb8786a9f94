"""Who is asking, and what they may do. Owns nothing."""

from __future__ import annotations

from fastapi import APIRouter

from controller.api.dependencies import Caller
from controller.api.errors import declared
from controller.api.schemas.overview import Permissions, WhoAmI
from controller.auth import PROJECT_KINDS, Principal, Verb, may
from controller.domain.intent import DEFAULT_PROJECT, Kind

router = APIRouter(prefix="/v1", tags=["fleet"])


@router.get(
    "/whoami",
    operation_id="get_whoami",
    response_model=WhoAmI,
    responses=declared("unauthenticated", "unavailable"),
)
def get_whoami(caller: Caller) -> WhoAmI:
    """Whose token this is, and what it allows."""
    return WhoAmI(
        name=caller.name,
        roles=sorted(caller.roles),
        projects=None if caller.projects is None else sorted(caller.projects),
        expires_at=caller.expires_at,
        may=Permissions(
            read=[kind.value for kind in Kind if _may(caller, Verb.READ, kind)],
            write=[kind.value for kind in Kind if _may(caller, Verb.WRITE, kind)],
            enrol=_may(caller, Verb.ENROL, Kind.HOST),
            inspect=_may(caller, Verb.INSPECT, Kind.HOST),
            operate=_may(caller, Verb.OPERATE, Kind.HOST),
        ),
    )


def _may(caller: Principal, verb: Verb, kind: Kind) -> bool:
    """In some project at least."""
    is_limited = kind in PROJECT_KINDS and caller.projects is not None
    projects = caller.projects if is_limited else None
    return any(may(caller, verb, kind, project) for project in projects or (DEFAULT_PROJECT,))
