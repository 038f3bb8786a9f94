"""One planned change with everything it takes to write it. Pure; owns nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from controller.domain.intent import Kind, Object, PortSpec, Ref, Spec
from controller.domain.validation import Draft, Planned, references


@dataclass(frozen=True, slots=True)
class Writing:
    planned: Planned
    revision: int
    now: datetime
    uids: Mapping[Ref, UUID]
    """Of every object that the change writes or refers to."""

    @property
    def drafts(self) -> tuple[Draft, ...]:
        return self.planned.creates + self.planned.updates

    @property
    def replaced(self) -> tuple[Object, ...]:
        """The versions that the change closes."""
        updated = (d.current for d in self.planned.updates if d.current is not None)
        return (*updated, *self.planned.deletes)

    def specs(self) -> Iterator[tuple[Ref, Spec]]:
        """What the change closes and what it opens."""
        for version in self.replaced:
            yield version.ref, version.spec
        for draft in self.drafts:
            yield draft.ref, draft.spec

    def hosts_of(self, ref: Ref, spec: Spec) -> list[UUID]:
        """The hosts that an object is on, in the order in which its spec names them."""
        return [self.uids[r] for r in references(ref, spec) if r.kind is Kind.HOST]

    def segment_of(self, ref: Ref, spec: Spec) -> UUID | None:
        """The segment that an object is a port of."""
        if not isinstance(spec, PortSpec):
            return None
        segments = (r for r in references(ref, spec) if r.kind is Kind.SEGMENT)
        return next((self.uids[segment] for segment in segments), None)
