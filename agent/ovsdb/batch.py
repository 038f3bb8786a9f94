"""The rows that one transaction works on: those that are there, and those that it makes.

Lives in the OVSDB thread as long as its transaction. Must not decide what is written.
"""

from __future__ import annotations

from typing import Any

import ovs.db.idl

from agent.ovsdb.replica import Replica
from agent.ovsdb.rows import Row


class OutOfDateError(Exception):
    """The rows are no longer what the plan was made from."""


class Batch:
    def __init__(self, replica: Replica, comment: str) -> None:
        root = replica.root
        if root is None:
            raise OutOfDateError("the database has no Open_vSwitch row")
        # A transaction hides and adds rows: freeze those there are, with their bridges, first.
        replica.bridges()
        self.replica, self.root = replica, root
        self.new_bridges: dict[str, Row] = {}
        self.new_ports: dict[str, Row] = {}
        self.transaction = ovs.db.idl.Transaction(replica)
        self.transaction.add_comment(comment)
        self.root.increment("next_cfg")

    def insert(self, table: str, **columns: Any) -> Row:
        row = self.transaction.insert(self.replica.tables[table])
        for column, value in columns.items():
            setattr(row, column, value)
        return row

    def find(self, table: str, name: str) -> Row:
        row = self.replica.find(table, name)
        if row is None:
            raise OutOfDateError(f"{table} {name} is gone")
        return row

    def bridge(self, name: str) -> Row:
        return self.new_bridges.get(name) or self.find("Bridge", name)

    def port(self, name: str) -> Row | None:
        """None also for a port that this transaction deletes."""
        return self.new_ports.get(name) or self.replica.find("Port", name)

    def is_there(self, row: Row) -> bool:
        """False for a row that this transaction deletes."""
        return self.replica.tables[row._table.name].rows.get(row.uuid) is row  # noqa: SLF001
