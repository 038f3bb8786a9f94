"""Shapes of requests that carry many objects, or none. Owns nothing."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from controller.api.schemas.base import Shape
from controller.api.schemas.manifests import AnyManifest, KindName, ManifestMetadata

# No rule of intent, only a bound for what one request can make the checks say.
_MANY = 50_000
KINDS = 64

ConfirmCount = Annotated[
    int | None,
    Field(
        ge=0,
        description="How many objects the request deletes; needed when they are more than ten.",
    ),
]


class PruneRequest(Shape):
    """Deletes, in the same revision, what has these labels and is not named in the request."""

    label_selector: Annotated[str, Field(max_length=2048)]
    """`k=v`, `k!=v`, `k in (a,b)`, `k`, `!k`, with commas; at least one that is not negated."""
    kinds: list[KindName] = Field(default_factory=list, max_length=KINDS)
    """None named: all that the caller may delete."""


class ApplyRequest(Shape):
    objects: Annotated[
        list[Annotated[AnyManifest, Field(discriminator="kind")]], Field(max_length=_MANY)
    ]
    dry_run: bool = False
    """Check everything, answer the same, write nothing."""
    prune: PruneRequest | None = None
    """What to delete besides."""
    confirm_count: ConfirmCount = None


class ObjectName(Shape):
    """Which object. A whole manifest may stand here, so that the same file creates and deletes."""

    kind: KindName
    metadata: ManifestMetadata
    spec: Any = None
    """Not looked at."""


class DeleteRequest(Shape):
    objects: Annotated[list[ObjectName], Field(max_length=_MANY)]
    dry_run: bool = False
    """Check everything, answer the same, write nothing."""
    confirm_count: ConfirmCount = None


class DecommissionRequest(Shape):
    force: bool = False
    """Give up the host's machine, which is dead: nobody waits for what it would say."""


class JoinTokenRequest(Shape):
    ttl_seconds: Annotated[int, Field(ge=60, le=604_800)] = 3600
    """How long the token can be used: a minute to a week."""
