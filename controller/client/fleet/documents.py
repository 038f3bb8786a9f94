"""What the API answers, for type checkers: at run time all of it is plain dictionaries.

Specs are not typed here; the controller checks them, and names each field that it does not know.
A test holds the names against the OpenAPI document.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypeAlias, TypedDict

Kind: TypeAlias = Literal[
    "Pool",
    "TransportZone",
    "HostGroup",
    "TunnelProfile",
    "QosPolicy",
    "Host",
    "Bridge",
    "Segment",
    "Port",
    "Tunnel",
    "Mirror",
    "FlowExport",
]
Phase: TypeAlias = Literal["Pending", "Ready", "Degraded", "Failed", "Unknown"]
Json: TypeAlias = dict[str, Any]


class ManifestMetadata(TypedDict):
    name: str
    project: NotRequired[str | None]
    labels: NotRequired[dict[str, str]]
    revision: NotRequired[int]
    """Of a document that was read."""


class Manifest(TypedDict):
    """What is wanted of one object."""

    kind: NotRequired[Kind]
    metadata: ManifestMetadata
    spec: NotRequired[Json]


class Metadata(TypedDict):
    name: str
    uid: str
    project: str
    labels: dict[str, str]
    revision: int
    created_at: str
    updated_at: str


class Condition(TypedDict):
    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str
    message: str
    last_transition: str | None


class Status(TypedDict):
    phase: Phase
    observed_revision: int
    conditions: list[Condition]
    applied_revision: NotRequired[int]
    """Of hosts only."""
    pinned_revision: NotRequired[int | None]
    """Of hosts only."""


class Warned(TypedDict):
    """Something that was done, and may be regretted."""

    pointer: str
    code: str
    detail: str
    fix: str


class ObjectDocument(TypedDict):
    kind: Kind
    metadata: Metadata
    spec: Json
    status: Status
    warnings: NotRequired[list[Warned]]
    """Where the object was just written."""


AnyManifest: TypeAlias = Manifest | ObjectDocument
"""A document that was read can be written, too."""


class ObjectResult(TypedDict):
    kind: Kind
    name: str
    project: str
    uid: str | None
    action: Literal["created", "updated", "unchanged", "deleted"]
    revision: int


class ChangeResult(TypedDict):
    revision: int
    results: list[ObjectResult]
    warnings: list[Warned]


class Deletion(TypedDict):
    revision: int
    warnings: list[Warned]


class Prune(TypedDict):
    label_selector: str
    kinds: NotRequired[list[Kind]]


class HostCounts(TypedDict):
    total: int
    applied: int


class PendingHost(TypedDict):
    host: str
    host_uid: str
    applied_revision: int
    phase: Phase
    reason: str
    message: str


class RevisionDocument(TypedDict):
    revision: int
    head: int
    realized: bool
    hosts: HostCounts
    pending: list[PendingHost]


class LaggingHost(TypedDict):
    host: str
    phase: Phase
    reason: str
    message: str
    since: str | None


class RealizationHosts(TypedDict):
    total: int
    ok: int
    failed_count: int
    pending_count: int
    failed: list[LaggingHost]
    pending: list[LaggingHost]


class Realization(TypedDict):
    kind: Kind
    name: str
    project: str
    state: Literal["pending", "in_progress", "realized", "degraded", "error"]
    revision: int
    observed_revision: int
    pending_since: str | None
    hosts: RealizationHosts


class Difference(TypedDict):
    kind: Kind
    name: str
    project: str
    before: str
    after: str


class DifferenceList(TypedDict):
    revision: int
    items: list[Difference]


class JoinToken(TypedDict):
    token: str
    host: str
    expires_at: str
    command: str


class Replacement(JoinToken):
    warnings: list[Json]


class StatsObject(TypedDict):
    kind: Kind
    name: str
    project: str
    uid: str


class StatsSeries(TypedDict):
    name: str
    host: str | None
    device: str | None
    rates: dict[str, list[float | None]]


# ``from`` is no name in Python.
Stats = TypedDict(
    "Stats",
    {
        "object": StatsObject,
        "from": str,
        "to": str,
        "step_seconds": int,
        "resolution": str,
        "times": list[int],
        "series": list[StatsSeries],
    },
)


class Event(TypedDict):
    event: Literal["change", "status", "synced"]
    id: str
    data: Json
    """A change names its object, its action and revision; a status the host to look at again."""
