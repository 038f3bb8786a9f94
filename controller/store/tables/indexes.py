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


def searched_ports() -> tuple[Index, ...]:
    """To find some of very many by a part of what is in a column, compared as bytes, those that
    changed last, and all that have an address or a label."""
    once = "valid_to IS NULL AND side = 0"
    return (
        *(
            Index(
                f"ix_port_search_{column}",
                *(column, "project", "uid"),
                postgresql_ops={column: "text_pattern_ops"},
                postgresql_where=text(where),
            )
            for column, where in (
                ("name", once),
                ("mac", f"{once} AND mac IS NOT NULL"),
                ("iface_id", f"{once} AND iface_id IS NOT NULL"),
            )
        ),
        *(
            Index(f"ix_port_by_{column}", column, "project", "name", postgresql_where=text(once))
            for column in ("created_at", "updated_at", "valid_from")
        ),
        Index(
            "ix_port_current_addresses",
            "addresses",
            postgresql_using="gin",
            postgresql_where=text("valid_to IS NULL AND addresses <> '{}'"),
        ),
        Index(
            "ix_port_current_labels",
            "labels",
            postgresql_using="gin",
            postgresql_ops={"labels": "jsonb_path_ops"},
            postgresql_where=CURRENT,
        ),
    )
