"""Shapes of what operators allow on hosts beyond intent. Owns nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from controller.api.schemas.answers import ChangeWarning
from controller.api.schemas.base import Answer, Shape, Text
from controller.domain.intent import DEFAULT_PROJECT

_MANY = 10_000

Resources = Annotated[list[Text], Field(max_length=_MANY)]


class ReleaseRequest(Shape):
    removals: bool | Resources = False
    """What the host holds and intent does not know (reason `NotRemoved`) is let go of, and so is
    taken away: all of it, or resources by the ids of the host's failures."""
    force: bool | Resources = False
    """What may be changed although the host could not undo it when it is cut off by it (reason
    `NoWayBack`): all of it, or resources by the ids of the host's failures. By its id, also a port
    that waits because its card has addresses of the host's own (`DeviceInUse`)."""
    pin: bool = True
    """A host that undid a change and is held since then follows the fleet again. One in
    maintenance does not."""
    drift: bool = True
    """What the agent leaves as somebody else changed it (`DriftFought`, `Drifted`) is mended: all
    of it."""
    confirm_count: Annotated[
        int | None,
        Field(
            ge=0,
            description="How many resources are taken away; needed when they are more than five"
            " and more than a tenth of what is on the host.",
        ),
    ] = None


class PinDocument(Answer):
    revision: int
    """What the host went back to and is held at; 0: it has never confirmed anything."""
    undone_revision: int | None
    reason: str
    """The agent's own words."""


class ReleaseDocument(Answer):
    """What was released; where nothing was held nothing was written."""

    host: str
    revision: int
    """The fleet revision that the host has to apply for it."""
    pin: PinDocument | None
    """What it was held by."""
    removals: list[str]
    forced: list[str]
    retried: list[str]
    """What the agent mends again although others changed it."""
    staying: list[str]
    """What the host holds and intent does not know, and nobody has let go of."""
    warnings: list[ChangeWarning]


class AdoptedObject(Shape):
    kind: Literal["Bridge", "Port", "Tunnel"]
    name: Text
    project: Text = DEFAULT_PROJECT


class AdoptRequest(Shape):
    resources: Annotated[list[AdoptedObject | Text], Field(min_length=1, max_length=_MANY)]
    """Objects that are on the host, or resource ids such as `overlay` and `port:<uid>`."""
    accept_differences: bool = False
    """Also where what is there differs from intent, and so is changed right afterwards."""


class AdoptDocument(Answer):
    host: str
    revision: int
    """The fleet revision that the host has to apply for it."""
    resources: list[str]
    warnings: list[ChangeWarning]


class WithdrawRequest(Shape):
    resources: Resources = Field(default_factory=list)
    """What was granted for these is taken back; all of it where none is named."""


class WithdrawDocument(Answer):
    """What was taken back; what the host has done meanwhile stays done."""

    host: str
    revision: int
    resources: list[str]
    warnings: list[ChangeWarning]
    """Why the host may still do it."""


class GrantDocument(Answer):
    resource: str
    kind: Literal["removal", "force", "adopt"]
    accept_differences: bool
    principal: str
    granted_at: datetime
    revision: int


class GrantsDocument(Answer):
    """What holds of what the host was allowed, the oldest first. What was forced holds until its
    object is changed, also when it is done, so that the host can do it again when it starts."""

    host: str
    count: int
    """How many times somebody allowed it something."""
    pin: PinDocument | None
    """Why it is held, where it is."""
    items: list[GrantDocument]
