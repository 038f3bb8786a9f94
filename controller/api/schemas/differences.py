"""Shapes of what a request would change. Owns nothing."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from controller.api.schemas.base import Answer, Shape
from controller.api.schemas.manifests import AnyManifest, KindName

# As many as one request may apply.
_MANY = 50_000


class DiffRequest(Shape):
    objects: Annotated[
        list[Annotated[AnyManifest, Field(discriminator="kind")]], Field(max_length=_MANY)
    ]


class DifferenceDocument(Answer):
    kind: KindName
    name: str
    project: str
    before: str
    """Canonical YAML of the object as it is; empty: it would be created."""
    after: str
    """Canonical YAML of the object as it would be."""


class DifferenceList(Answer):
    revision: int
    """Fleet revision that the request was compared with."""
    items: list[DifferenceDocument]
    """In the order of the request, without the objects that it leaves as they are."""
