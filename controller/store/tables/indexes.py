"""Indexes of the versioned tables: most are of current versions alone. Owns nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Index, text

CURRENT = text("valid_to IS NULL")


def one_current(table: str, what: str, *columns: str, where: str = "valid_to IS NULL") -> Index:
    name = f"uq_{table}_current_{what}"
    return Index(name, *columns, unique=True, postgresql_where=text(where))


def where_set(table: str, column: str, **options: Any) -> Index:
    where = text(f"valid_to IS NULL AND {column} IS NOT NULL")
    return Index(f"ix_{table}_current_{column}", column, postgresql_where=where, **options)


def patches(column: str) -> Index:
    where = text("valid_to IS NULL AND patch_bridge_uid IS NOT NULL")
    return Index(f"ix_port_patch_{column}", column, postgresql_where=where)
