"""The counters of table Interface, asked for apart from the replica.

They change with every look at them: in the replica they would wake the agent for nothing. Each poll
has a connection of its own, so that a restart of ovsdb-server is over with the next poll, and the
server's probes of idle connections need no answer. What a poll costs is decided by how many rows
are ours, or are bound to something of ours: others are not even sent.

Rows keep what an ovs-vswitchd that is gone wrote last. A poll therefore begins with asking
ovs-vswitchd itself: without an answer there are no counters, rather than some that stand still.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from agent.model import ID_KEY, OWNER_KEY
from agent.ovsdb import liveness
from agent.ovsdb.schema import DATABASE
from agent.ovsdb.transport import RECEIVE_SIZE

POLL_DEADLINE_S = 4.0
"""Less than the usual interval: a host that is too busy to answer is asked at the next one."""
COUNTERS = frozenset(
    f"{direction}_{count}"
    for direction in ("rx", "tx")
    for count in ("packets", "bytes", "errors", "dropped")
) | {"collisions"}
DEFAULT_UPDATE_INTERVAL_MS = 5000
"""How often ovs-vswitchd writes its counters; also the least that it takes."""

_PEER_CREDENTIALS = struct.Struct("=iII")
_COLUMNS = ["_uuid", "name", "type", "ifindex", "external_ids", "statistics"]


class StatisticsUnavailableError(Exception):
    """No counters now; ``source`` says who did not give them."""

    def __init__(self, source: str, message: str) -> None:
        super().__init__(message)
        self.source = source


class InterfaceCounters(NamedTuple):
    """A row of ours. ``ifindex`` is 0, and a count is absent, where Open vSwitch knows none."""

    uuid: str
    name: str
    type: str
    ifindex: int
    resource: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SwitchCounters:
    """``process`` names the ovs-vswitchd that counted, and no other before or after it."""

    process: str
    update_interval_s: float
    interfaces: tuple[InterfaceCounters, ...]


def _none_bound() -> Mapping[str, str]:
    return {}


class SwitchStatistics:
    """Reads the rows that bear the owner's mark.

    ``bound`` tells of those that do not, but whose port does: the resource, by the row's UUID,
    which is the one thing by which ovsdb-server finds a row without looking at all of them.
    """

    def __init__(
        self, remote: str, owner: str, bound: Callable[[], Mapping[str, str]] = _none_bound
    ) -> None:
        self._path = Path(remote.removeprefix("unix:"))
        self._owner = owner
        self._bound = bound

    async def poll(self) -> SwitchCounters:
        """Raise StatisticsUnavailableError when somebody does not answer before the deadline."""
        source = "vswitchd"
        try:
            async with asyncio.timeout(POLL_DEADLINE_S):
                process = await _running_process(self._path.parent)
                source = "ovsdb"
                bound = self._bound()
                answer = await self._transact(_request(self._owner, bound))
            return _counters(answer, process, bound)
        except TimeoutError as error:
            raise StatisticsUnavailableError(
                source, f"no answer within {POLL_DEADLINE_S:g} s"
            ) from error
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise StatisticsUnavailableError(source, str(error) or repr(error)) from error

    async def _transact(self, request: bytes) -> dict[str, Any]:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=4 * RECEIVE_SIZE)
        return await _ask(reader, writer, request)


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, question: bytes
) -> dict[str, Any]:
    """The first message on the connection: nothing else was asked, so that it is the answer."""
    try:
        writer.write(question)
        received = bytearray()
        while True:
            received += await _receive(reader)
            # Whether a message is whole is told by reading it; most that are not end otherwise.
            if received[-8:].rstrip().endswith(b"}"):
                with contextlib.suppress(json.JSONDecodeError):
                    return await asyncio.to_thread(_parse, received)
    finally:
        writer.close()


async def _receive(reader: asyncio.StreamReader) -> bytes:
    data = await reader.read(RECEIVE_SIZE)
    if not data:
        raise EOFError("the connection ended before the answer")
    return data


def _parse(received: bytearray) -> dict[str, Any]:
    # Each row is taken while it is read: the lists of thousands of rows, all there at once, would
    # wake the garbage collector many times and cost more than reading them does.
    message: dict[str, Any] = json.loads(received, object_hook=_take)
    return message


def _request(owner: str, bound: Iterable[str]) -> bytes:
    conditions = [["external_ids", "includes", ["map", [[OWNER_KEY, owner]]]]]
    conditions += [["_uuid", "==", ["uuid", row]] for row in bound]
    operations = [
        *(
            {"op": "select", "table": "Interface", "where": [each], "columns": _COLUMNS}
            for each in conditions
        ),
        {"op": "select", "table": "Open_vSwitch", "where": [], "columns": ["other_config"]},
    ]
    request = {"id": 1, "method": "transact", "params": [DATABASE, *operations]}
    return json.dumps(request).encode()


def _counters(answer: dict[str, Any], process: str, bound: Mapping[str, str]) -> SwitchCounters:
    results = answer.get("result") or [answer.get("error")]
    if not all(result and "rows" in result for result in results):
        raise ValueError(f"ovsdb-server refused the question: {results}")
    own, *others, roots = (result["rows"] for result in results)
    named = (row._replace(resource=bound[row.uuid]) for rows in others for row in rows)
    return SwitchCounters(process, _update_interval(roots), (*own, *named))


def _take(found: dict[str, Any]) -> InterfaceCounters | dict[str, Any]:
    """A row of Interface as what it means, everything else as it is."""
    if "statistics" not in found:
        return found
    ifindex = found["ifindex"]
    return InterfaceCounters(
        uuid=found["_uuid"][1],
        name=found["name"],
        type=found["type"],
        ifindex=ifindex if isinstance(ifindex, int) else 0,
        resource=dict(found["external_ids"][1]).get(ID_KEY, ""),
        # What a kind of device does not count is -1, or not there.
        counts={
            name: count for name, count in found["statistics"][1] if name in COUNTERS and count >= 0
        },
    )


def _update_interval(roots: list[Mapping[str, Any]]) -> float:
    config = dict(roots[0]["other_config"][1]) if roots else {}
    try:
        asked = int(config.get("stats-update-interval", 0))
    except ValueError:
        asked = 0
    return max(asked, DEFAULT_UPDATE_INTERVAL_MS) / 1000


async def _running_process(run_dir: Path) -> str:
    """Which ovs-vswitchd runs, once it answers: then it has made what the rows ask for."""
    connection = liveness.connect(run_dir)
    if connection is None:
        raise StatisticsUnavailableError("vswitchd", "ovs-vswitchd is not running")
    process = _identify(connection)
    answer = await _ask(*await asyncio.open_unix_connection(sock=connection), liveness.QUESTION)
    if answer.get("error") is not None:
        raise StatisticsUnavailableError("vswitchd", "ovs-vswitchd is still starting")
    return process


def _identify(connection: socket.socket) -> str:
    """Process id and start time; the id alone where /proc does not show the process."""
    credentials = connection.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER_CREDENTIALS.size
    )
    pid = _PEER_CREDENTIALS.unpack(credentials)[0]
    return f"{pid}@{_start_time(pid)}"


def _start_time(pid: int) -> str:
    """Field 22 of /proc/<pid>/stat; the name before it may itself have spaces and brackets."""
    try:
        fields = os.fsdecode(Path(f"/proc/{pid}/stat").read_bytes()).rpartition(")")[2].split()
    except OSError:
        return ""
    return fields[19]
