"""Who changed a row, by the journal of a real ovsdb-server."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from agent.ovsdb.attribution import Attribution
from agent.ovsdb.journal import MOST_BYTES, Change, Journal, journal_paths
from agent.planner.traces import Trace
from tests.support.ovs import OpenVSwitch, connected, observed_until

pytestmark = pytest.mark.integration

TAG = Trace("Port", "p1", frozenset({"tag"}))


def ours(ovs: OpenVSwitch, tag: int) -> None:
    change = {"op": "update", "table": "Port", "where": [["name", "==", "p1"]], "row": {"tag": tag}}
    ovs.transact(change, {"op": "comment", "comment": "ovsfleet-agent: revision 7"})


async def test_the_command_that_changed_or_deleted_a_row_is_named(ovsdb: OpenVSwitch) -> None:
    ovsdb.vsctl("--no-wait", "add-br", "br0", "--", "add-port", "br0", "p1")
    async with connected(ovsdb) as connection:
        ask = Attribution(connection, Journal(journal_paths(ovsdb.remote, "")))

        async def who(trace: Trace) -> str:
            return (await ask({"port:1": frozenset({trace})}))["port:1"]

        ovsdb.vsctl("--no-wait", "set", "Port", "p1", "tag=77")
        ours(ovsdb, 2)
        assert (await who(TAG)).endswith("--no-wait set Port p1 tag=77")
        assert await who(Trace("Port", "p1", frozenset({"vlan_mode"}))) == ""
        ovsdb.compact()
        ovsdb.vsctl("--no-wait", "set", "Port", "p1", "tag=78")
        assert (await who(TAG)).endswith("tag=78")
        ovsdb.vsctl("--no-wait", "del-port", "br0", "p1")
        await observed_until(
            connection, lambda seen: len(seen.bridges["br0"].ports) == 1, "the port is gone"
        )
        culprit = await who(Trace("Port", "p1"))
        assert culprit.startswith("ovs-vsctl")
        assert culprit.endswith("del-port br0 p1")


def test_what_others_wrote_after_a_compaction_is_all_that_is_known(ovsdb: OpenVSwitch) -> None:
    ovsdb.vsctl("--no-wait", "add-br", "br0")
    row = ovsdb.vsctl("get", "Bridge", "br0", "_uuid")
    ovsdb.compact()
    journal = Journal(journal_paths(ovsdb.remote, ""))
    journal.look()
    assert journal.who([Change(row, frozenset({"name", "ports"}))]) == ""


def record(number: int, size: int = 0) -> bytes:
    body = (
        f'{{"Port":{{"row":{{"tag":{number},"name":"{"x" * size}"}}}},"_date":1,'
        f'"_comment":"command {number}"}}\n'
    ).encode()
    return b"OVSDB JSON %d %s\n%s" % (len(body), b"0" * 40, body)


def named(journal: Journal) -> str:
    journal.look()
    return journal.who([Change("row", frozenset({"tag"}))])


def test_of_a_long_journal_the_end_is_read_and_a_half_record_waits(tmp_path: Path) -> None:
    path = tmp_path / "conf.db"
    journal = Journal((path,))
    path.write_bytes(b"".join(record(n, 1000) for n in range(500)))
    assert path.stat().st_size > 2 * MOST_BYTES
    assert named(journal) == "command 499"
    whole = record(500)
    with path.open("ab") as file:
        file.write(whole[:70])
        file.flush()
        assert named(journal) == "command 499"
        file.write(whole[70:])
    assert named(journal) == "command 500"
    path.write_bytes(record(1))  # made anew, under the same inode
    assert named(journal) == "command 1"


def test_what_lies_before_a_gap_is_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "conf.db"
    journal = Journal((path,))
    path.write_bytes(record(1))
    assert named(journal) == "command 1"
    other = b"".join(record(n, 1000).replace(b'"row"', b'"oth"') for n in range(500))
    with path.open("ab") as file:
        file.write(other)
    assert named(journal) == ""
    path.write_bytes(record(2))
    assert named(journal) == "command 2"
    (tmp_path / "new").write_bytes(record(3).replace(b'"row"', b'"oth"'))
    (tmp_path / "new").replace(path)
    assert named(journal) == ""


def test_several_columns_of_one_row_are_all_looked_for(tmp_path: Path) -> None:
    path = tmp_path / "conf.db"
    journal = Journal((path,))
    path.write_bytes(record(1) + record(2).replace(b'"tag"', b'"qos"'))
    journal.look()
    changes = [Change("row", frozenset({each})) for each in ("qos", "tag")]
    assert journal.who(changes) == journal.who(changes[::-1]) == "command 2"
    assert journal.who([changes[1], Change("row", frozenset())]) == "command 1"


@pytest.mark.parametrize("content", [None, b"OVSDB CLUSTER 3 x\n{}\n", b"OVSDB JSON x y\n"])
def test_a_journal_that_cannot_be_read_names_nobody_and_is_complained_of_once(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "conf.db"
    if content is not None:
        path.write_bytes(content)
    journal = Journal((path,))
    with structlog.testing.capture_logs() as logs:
        assert named(journal) == ""
        assert named(journal) == ""
    assert len(logs) == 1


def test_the_journal_lies_where_packages_have_it() -> None:
    there = journal_paths("unix:/run/openvswitch/db.sock", "")
    assert there[0] == Path("/etc/openvswitch/conf.db")
    assert journal_paths("unix:/x/db.sock", "") == (Path("/x/conf.db"),)
    assert journal_paths("unix:/x/db.sock", "/y/conf.db") == (Path("/y/conf.db"),)
