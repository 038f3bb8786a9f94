"""Who changed a row: the journal that ovsdb-server writes its transactions into, read from its end.

A standalone database is a log of records (``OVSDB JSON <bytes> <sha1>``, ovsdb(7)), each with what
changed and the comment of who asked for it; ovs-vsctl puts there its command line and who called
it. Only what was appended since the last look is read, and of that the last part; a file that was
compacted or made anew is another one. What lies before a part that was not read is forgotten.
Reading blocks, so that it has to be done off the loop. It must not write, lock or keep the file
open; where it cannot be read nobody is named.
"""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

log = structlog.get_logger(__name__)

MOST_BYTES = 128 * 1024
"""Read at a time: some hundred commands."""
MOST_RECORDS = 500
"""Remembered, for changes that are noticed one after the other."""
LONGEST_COMMENT = 300
_MAGIC = b"OVSDB JSON "
_CLUSTERED = b"OVSDB CLUSTER "
_OURS = "ovsfleet-agent: "
_REWRITTEN = "compacting database"
"""Begins the comment of the record that holds all rows as they are."""

Columns = Mapping[str, frozenset[str] | None]
"""By UUID of a changed row the columns; None for one that was deleted."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of one of these columns of the row, or its end; no columns: only its end."""

    row: str
    columns: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Record:
    comment: str
    rows: Columns


class Journal:
    """The first of ``paths`` that is there."""

    def __init__(self, paths: tuple[Path, ...]) -> None:
        self._paths = paths
        self._inode = 0
        self._offset = 0
        self._records: deque[_Record] = deque(maxlen=MOST_RECORDS)
        self._complaint = ""

    def look(self) -> None:
        """Read what is new."""
        try:
            self._read()
        except (OSError, ValueError) as error:
            self._complain(str(error))
        else:
            self._complaint = ""

    def who(self, changes: Collection[Change]) -> str:
        """The comment of the newest transaction of somebody else that made one of ``changes``."""
        wanted: dict[str, frozenset[str]] = {}
        for change in changes:
            wanted[change.row] = wanted.get(change.row, frozenset()) | change.columns
        for record in reversed(self._records):
            if _is_made(wanted, record.rows):
                return record.comment
        return ""

    def _read(self) -> None:
        path = next((each for each in self._paths if each.exists()), None)
        if path is None:
            raise FileNotFoundError(f"there is none at {' or '.join(map(str, self._paths))}")
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            if status.st_ino != self._inode or status.st_size < self._offset:
                self._inode, self._offset = status.st_ino, 0
                self._records.clear()
            if file.read(len(_CLUSTERED)) == _CLUSTERED:
                raise ValueError("the database is clustered, its journal has no such comments")
            start = max(self._offset, status.st_size - MOST_BYTES)
            if start > self._offset:
                # What was skipped is newer than all that is remembered, and may be who it was.
                self._records.clear()
            file.seek(start)
            content = file.read(MOST_BYTES)
        begin = 0 if start == self._offset else content.find(b"\n" + _MAGIC) + 1
        self._records.extend(_foreign(self._split(content, start, begin)))

    def _split(self, content: bytes, start: int, position: int) -> Iterator[dict[str, Any]]:
        """The whole records in ``content``; what is written only in part is read the next time."""
        while content.startswith(_MAGIC, position):
            header, newline, _ = content[position : position + 100].partition(b"\n")
            length = int(header.split()[2])
            body = position + len(header) + len(newline)
            if not newline or body + length > len(content):
                break
            record = json.loads(content[body : body + length])
            if isinstance(record, dict):
                yield record
            position = body + length
            self._offset = start + position

    def _complain(self, why: str) -> None:
        if why != self._complaint:
            log.warning("the database's journal cannot be read: nobody is named", why=why)
        self._complaint = why


def journal_paths(remote: str, configured: str) -> tuple[Path, ...]:
    """Where the database of the server at ``remote`` lies, unless it is ``configured``."""
    if configured:
        return (Path(configured),)
    directory = Path(remote.removeprefix("unix:")).parent
    beside = directory / "conf.db"
    if directory.resolve() != Path("/run/openvswitch").resolve():
        return (beside,)
    return (Path("/etc/openvswitch/conf.db"), Path("/var/lib/openvswitch/conf.db"), beside)


def _foreign(records: Iterable[dict[str, Any]]) -> Iterator[_Record]:
    for record in records:
        comment = str(record.get("_comment", ""))
        if comment.startswith((_OURS, _REWRITTEN)) or "cksum" in record:
            continue
        rows = (rows for name, rows in record.items() if not name.startswith("_"))
        columns = {uuid: _columns(row) for table in rows for uuid, row in table.items()}
        yield _Record(comment[:LONGEST_COMMENT], columns)


def _columns(row: Any) -> frozenset[str] | None:
    return None if row is None else frozenset(row)


def _is_made(wanted: Mapping[str, frozenset[str]], rows: Columns) -> bool:
    shared = wanted.keys() & rows.keys()
    return any((made := rows[row]) is None or made & wanted[row] for row in shared)
