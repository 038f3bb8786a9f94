"""What operators allow on a host beyond intent: release, adopt, and what of it holds.

Owns nothing. It mixes the projects that meet on a host, so that the acts are for those only who
may see all of them.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from controller.api.bodies import Body, described, json_body
from controller.api.conversion import to_warnings
from controller.api.dependencies import Caller, Context, require
from controller.api.errors import declared
from controller.api.schemas.base import Text
from controller.api.schemas.grants import (
    AdoptDocument,
    AdoptedObject,
    AdoptRequest,
    GrantDocument,
    GrantsDocument,
    PinDocument,
    ReleaseDocument,
    ReleaseRequest,
    WithdrawDocument,
    WithdrawRequest,
)
from controller.api.writes import Writing, answered
from controller.auth import Verb
from controller.domain.grants import Asked, Pin
from controller.domain.intent import DEFAULT_PROJECT, Kind
from controller.services import grants
from controller.services.grants import Wanted
from controller.services.intent import Writer
from controller.services.requests import Answer

router = APIRouter(prefix="/v1/hosts/{name_or_uid}", tags=["hosts"])

_READ = ("unauthenticated", "forbidden", "not_found", "invalid", "unavailable")
_ACT = declared(*_READ, "malformed", "too_large", "unsupported_media", "conflict")


@router.post(
    "/release",
    operation_id="release_host",
    response_model=ReleaseDocument,
    responses=_ACT,
    openapi_extra=described(ReleaseRequest),
)
def release_host(
    *,
    context: Context,
    write: Writing,
    name_or_uid: Text,
    body: Annotated[Body[ReleaseRequest], Depends(json_body(ReleaseRequest, empty_ok=True))],
) -> Response:
    """Let the host go on with what waits for a person. When nothing is said: it follows the fleet
    again and mends what it had left, and takes nothing away."""
    require(write.caller, Verb.OPERATE, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    said = body.value
    asked = Asked(said.removals, said.force, said.pin, said.drift, said.confirm_count)

    def release(writer: Writer) -> Answer:
        act = grants.release(writer, name_or_uid, asked, now=context.now())
        what = act.released
        return answered(
            ReleaseDocument(
                host=act.host,
                revision=act.revision,
                pin=_to_pin(what.pin),
                removals=list(what.removals),
                forced=list(what.forced),
                retried=list(what.retried),
                staying=list(what.staying),
                warnings=to_warnings(act.warnings),
            )
        )

    return write.once(release, sha256=body.sha256)


@router.post(
    "/adopt",
    operation_id="adopt_on_host",
    response_model=AdoptDocument,
    responses=_ACT,
    openapi_extra=described(AdoptRequest),
)
def adopt_on_host(
    *,
    context: Context,
    write: Writing,
    name_or_uid: Text,
    body: Annotated[Body[AdoptRequest], Depends(json_body(AdoptRequest))],
) -> Response:
    """Let objects on the host take over what is there under their names and not the fleet's."""
    require(write.caller, Verb.OPERATE, Kind.HOST, DEFAULT_PROJECT, name_or_uid)
    wanted = [_to_wanted(each) for each in body.value.resources]

    def adopt(writer: Writer) -> Answer:
        act = grants.adopt(
            writer,
            name_or_uid,
            wanted,
            accept_differences=body.value.accept_differences,
            now=context.now(),
        )
        return answered(
            AdoptDocument(
                host=act.host,
                revision=act.revision,
                resources=list(act.adopted),
                warnings=to_warnings(act.warnings),
            )
        )

    return write.once(adopt, sha256=body.sha256)


@router.post(
    "/withdraw",
    operation_id="withdraw_grants",
    response_model=WithdrawDocument,
    responses=_ACT,
    openapi_extra=described(WithdrawRequest),
)
def withdraw_grants(
    *,
    write: Writing,
    name_or_uid: Text,
    body: Annotated[Body[WithdrawRequest], Depends(json_body(WithdrawRequest, empty_ok=True))],
) -> Response:
    """Take back what was granted and holds; a host that was let go on is not held again."""
    require(write.caller, Verb.OPERATE, Kind.HOST, DEFAULT_PROJECT, name_or_uid)

    def withdraw(writer: Writer) -> Answer:
        act = grants.withdraw(writer, name_or_uid, body.value.resources)
        return answered(
            WithdrawDocument(
                host=act.host,
                revision=act.revision,
                resources=list(act.withdrawn),
                warnings=to_warnings(act.warnings),
            )
        )

    return write.once(withdraw, sha256=body.sha256)


@router.get(
    "/grants",
    operation_id="get_grants",
    response_model=GrantsDocument,
    responses=declared(*_READ),
)
def get_grants(context: Context, caller: Caller, name_or_uid: Text) -> GrantsDocument:
    """What the host is allowed beyond intent, also what was forced and is done; why it is held."""
    found = grants.standing(context.db, caller, name_or_uid)
    return GrantsDocument(
        host=found.host,
        count=found.count,
        pin=_to_pin(found.pin),
        items=[GrantDocument.model_validate(each._asdict()) for each in found.grants],
    )


def _to_pin(pin: Pin | None) -> PinDocument | None:
    return None if pin is None else PinDocument(**asdict(pin))


def _to_wanted(said: AdoptedObject | str) -> Wanted:
    if isinstance(said, str):
        return Wanted(resource=said)
    return Wanted(kind=Kind(said.kind), project=said.project, name=said.name)
