"""Names of current objects by their labels. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import func, select

from controller.domain.intent import Kind, Ref
from controller.store import objects
from controller.store.engine import Transaction
from controller.store.tables import VERSIONED


class Labelled(NamedTuple):
    ref: Ref
    labels: Mapping[str, str]


def read_labelled(
    tx: Transaction, kind: Kind, projects: Collection[str] | None, labels: Mapping[str, str]
) -> list[Labelled]:
    """Objects that have all these labels, by project and name; ``projects`` None is everywhere."""
    row = VERSIONED[kind]
    query = select(row.project, row.name, row.labels)
    query = query.where(objects.current(kind), objects.once(kind))
    if projects is not None:
        query = query.where(row.project == func.any(list(projects)))
    if labels:
        query = query.where(row.labels.contains(dict(labels)))
    found = tx.execute(query.order_by(row.project, row.name))
    return [Labelled(Ref(kind, project, name), having) for project, name, having in found]
