"""The planner's OVSDB operations on a real ovsdb-server and ovs-vswitchd."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Generator

import pytest

from agent.errors import ErrorKind
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.ovsdb.apply import Outcome, OvsdbResult
from agent.ovsdb.connection import OvsdbConnection
from agent.planner.plan import (
    AddBridge,
    AddPort,
    DeleteBridge,
    DeletePort,
    OvsdbOp,
    SetBridge,
    SetInterface,
    SetPort,
)
from tests.support.ovs import OpenVSwitch, connected, observed_until

pytestmark = pytest.mark.integration

MARKS = {"ovsfleet-owner": "fleet", "ovsfleet-id": "port:1"}
PATIENCE_S = 10.0


@pytest.fixture
async def connection(ovs: OpenVSwitch) -> AsyncIterator[OvsdbConnection]:
    async with connected(ovs) as opened:
        yield opened


def add_bridge(name: str = "br0") -> AddBridge:
    return AddBridge(f"bridge:{name}", name, "netdev", MARKS)


def internal(name: str, tag: int | None = None) -> OvsPort:
    return OvsPort(
        name,
        (OvsInterface(name, "internal", mtu_request=1400, external_ids=MARKS),),
        tag=tag,
        external_ids=MARKS,
    )


def add_port(name: str, bridge: str = "br0", tag: int | None = None) -> AddPort:
    return AddPort(f"port:{name}", bridge, internal(name, tag))


async def apply(connection: OvsdbConnection, *ops: OvsdbOp) -> OvsdbResult:
    return await connection.apply(ops, "ovsfleet: test", PATIENCE_S)


async def commit(connection: OvsdbConnection, *ops: OvsdbOp) -> dict[str, OvsBridge]:
    """Apply, be sure of it, and return what is there then."""
    result = await apply(connection, *ops)
    assert result.outcome is Outcome.COMMITTED, result.error
    assert result.realized
    return dict((await connection.observe()).bridges)


def port_of(bridge: OvsBridge, name: str) -> OvsPort:
    return next(port for port in bridge.ports if port.name == name)


async def test_a_bridge_and_its_ports_appear_in_one_transaction(
    ovs: OpenVSwitch, connection: OvsdbConnection
) -> None:
    tunnel = OvsInterface(
        "vx1",
        "vxlan",
        options={"remote_ip": "192.0.2.9", "key": "77", "dst_port": "4789"},
        external_ids=MARKS,
    )
    bridges = await commit(
        connection,
        add_bridge(),
        add_port("p1", tag=7),
        AddPort("tunnel:1", "br0", OvsPort("vx1", (tunnel,), tag=7, protected=True)),
    )
    bridge = bridges["br0"]
    assert (bridge.datapath_type, bridge.fail_mode) == ("netdev", "standalone")
    assert [port.name for port in bridge.ports] == ["br0", "p1", "vx1"]
    assert all(port.interfaces[0].ofport for port in bridge.ports)
    assert bridge.external_ids == port_of(bridge, "br0").external_ids == MARKS
    assert port_of(bridge, "p1").tag == 7
    assert port_of(bridge, "p1").interfaces[0].mtu_request == 1400
    assert port_of(bridge, "vx1").protected
    assert port_of(bridge, "vx1").interfaces[0].options == tunnel.options
    assert connection.transaction_count == 1
    assert ovs.log().count("ovsfleet: test") == 1


async def test_columns_are_set_and_unset_in_place(
    ovs: OpenVSwitch, connection: OvsdbConnection
) -> None:
    bridge = (await commit(connection, add_bridge(), add_port("p1", tag=7)))["br0"]
    port = port_of(bridge, "p1")
    rows = ovs.dump("Port", "_uuid", "name")
    after = await commit(
        connection,
        SetBridge("bridge:br0", "br0", bridge, {"fail_mode": "secure"}, {"ovsfleet-id": "b"}),
        SetPort(
            "port:p1",
            "br0",
            "p1",
            port,
            {
                "tag": None,
                "trunks": frozenset({3, 4}),
                "vlan_mode": "native-tagged",
                "protected": True,
            },
        ),
        SetInterface(
            "port:p1",
            "p1",
            port.interfaces[0],
            {"mtu_request": None, "mac": "02:00:00:00:00:09"},
            {"k": "v"},
            {"ovsfleet-id": "x"},
        ),
    )
    changed = port_of(after["br0"], "p1")
    assert after["br0"].fail_mode == "secure"
    assert after["br0"].external_ids == {**MARKS, "ovsfleet-id": "b"}
    assert (changed.tag, changed.trunks) == (None, frozenset({3, 4}))
    assert (changed.vlan_mode, changed.protected) == ("native-tagged", True)
    interface = changed.interfaces[0]
    assert (interface.mtu_request, interface.mac) == (None, "02:00:00:00:00:09")
    assert interface.options == {"k": "v"}
    assert interface.external_ids == {**MARKS, "ovsfleet-id": "x"}
    assert ovs.dump("Port", "_uuid", "name") == rows


async def test_what_others_keep_on_our_rows_stays(
    ovs: OpenVSwitch, connection: OvsdbConnection
) -> None:
    await commit(connection, add_bridge(), add_port("p1"))
    ovs.vsctl("set", "Interface", "p1", "external_ids:vm-uuid=42", "options:theirs=yes")
    snapshot = await observed_until(
        connection,
        lambda seen: "theirs" in port_of(seen.bridges["br0"], "p1").interfaces[0].options,
        "the change is seen",
    )
    interface = port_of(snapshot.bridges["br0"], "p1").interfaces[0]
    op = SetInterface("port:p1", "p1", interface, {}, {"ours": "1"}, {"ovsfleet-id": "new"})
    after = port_of((await commit(connection, op))["br0"], "p1").interfaces[0]
    assert after.external_ids == {**MARKS, "ovsfleet-id": "new", "vm-uuid": "42"}
    assert after.options == {"theirs": "yes", "ours": "1"}
    op = SetInterface("port:p1", "p1", after, without=frozenset({"ours", "never"}))
    assert port_of((await commit(connection, op))["br0"], "p1").interfaces[0].options == {
        "theirs": "yes"
    }


async def test_deleting_leaves_no_row_behind(ovs: OpenVSwitch, connection: OvsdbConnection) -> None:
    empty = [ovs.dump(table, "name") for table in ("Bridge", "Port", "Interface")]
    bridge = (await commit(connection, add_bridge(), add_port("p1"), add_port("p2")))["br0"]
    p1, p2 = port_of(bridge, "p1"), port_of(bridge, "p2")
    after = await commit(connection, DeletePort("port:p1", "br0", "p1", p1))
    assert [port.name for port in after["br0"].ports] == ["br0", "p2"]
    gone = await commit(
        connection,
        DeletePort("port:p2", "br0", "p2", p2),
        DeleteBridge("bridge:br0", "br0", after["br0"]),
    )
    assert gone == {}
    assert [ovs.dump(table, "name") for table in ("Bridge", "Port", "Interface")] == empty


def make_foreign_rows(ovs: OpenVSwitch) -> None:
    """A bridge with what our replica knows nothing of, and a port on a bridge of ours."""
    ovs.vsctl(
        *("add-br", "foreign", "--", "set", "Bridge", "foreign", "datapath_type=netdev"),
        *("other_config:disable-in-band=true", "stp_enable=true", "external_ids:note=theirs"),
        *("--", "add-port", "foreign", "f1", "trunks=5,6", "vlan_mode=trunk"),
        *("--", "set", "Interface", "f1", "type=internal", "ingress_policing_rate=1000"),
        *("--", "set", "Port", "f1", "qos=@q", "bond_fake_iface=false"),
        *("--", "--id=@q", "create", "QoS", "type=linux-htb", "other_config:max-rate=1000"),
        *("--", "add-port", "br0", "f2", "tag=9", "--", "set", "Interface", "f2", "type=internal"),
    )


def foreign_rows(ovs: OpenVSwitch) -> str:
    """Every configuration column of every row that does not bear our mark."""
    columns = {
        "Bridge": ("datapath_type", "external_ids", "fail_mode", "other_config", "stp_enable"),
        "Port": ("interfaces", "qos", "tag", "trunks", "vlan_mode", "external_ids"),
        "Interface": ("type", "options", "ingress_policing_rate", "mtu_request", "ofport"),
        "QoS": ("type", "other_config"),
    }
    dump = "".join(
        ovs.dump(table, "_uuid", *(("name",) if table != "QoS" else ()), *named)
        for table, named in columns.items()
    )
    return "\n".join(line for line in dump.splitlines() if "br0" not in line and "p1" not in line)


async def test_foreign_rows_stay_byte_identical(
    ovs: OpenVSwitch, connection: OvsdbConnection
) -> None:
    await commit(connection, add_bridge())
    make_foreign_rows(ovs)
    await observed_until(connection, lambda seen: "foreign" in seen.bridges, "the bridge is seen")
    before = foreign_rows(ovs)
    bridge = (await commit(connection, add_port("p1", tag=3)))["br0"]
    port = port_of(bridge, "p1")
    bridge = (await commit(connection, SetPort("p", "br0", "p1", port, {"tag": 4})))["br0"]
    await commit(connection, DeletePort("p", "br0", "p1", port_of(bridge, "p1")))
    assert "f2" in before
    assert foreign_rows(ovs) == before


async def test_no_operations_make_no_transaction(ovsdb: OpenVSwitch) -> None:
    before = ovsdb.transactions()
    async with connected(ovsdb) as connection:
        await connection.observe()
        assert await apply(connection) == OvsdbResult.unchanged()
        assert connection.transaction_count == 0
    assert ovsdb.transactions() == before


async def apply_behind(
    connection: OvsdbConnection, ovs: OpenVSwitch, command: tuple[str, ...], *ops: OvsdbOp
) -> OvsdbResult:
    """Apply while the replica does not know yet what ``ovs-vsctl`` has just changed.

    The job ahead of it holds the thread, so that nothing is received in between.
    """
    changed = threading.Event()

    def hold() -> Generator[float, None, None]:
        assert changed.wait(PATIENCE_S)
        yield from ()

    held = connection._submit(hold())
    applied = connection._submit(connection._apply(tuple(ops), "behind", PATIENCE_S))
    ovs.vsctl("--no-wait", *command)
    changed.set()
    await held
    result: OvsdbResult = await applied
    return result


@pytest.mark.parametrize("late", [True, False], ids=["at commit", "in the replica"])
async def test_a_port_that_was_changed_meanwhile_is_left_alone(
    ovs: OpenVSwitch, connection: OvsdbConnection, *, late: bool
) -> None:
    bridge = (await commit(connection, add_bridge(), add_port("p1", tag=7)))["br0"]
    op = SetPort("port:p1", "br0", "p1", port_of(bridge, "p1"), {"tag": 8})
    change = ("set", "Port", "p1", "tag=99")
    if late:
        result = await apply_behind(connection, ovs, change, op, add_port("p2"))
    else:
        ovs.vsctl(*change)
        await observed_until(
            connection, lambda seen: port_of(seen.bridges["br0"], "p1").tag == 99, "tag is seen"
        )
        result = await apply(connection, op, add_port("p2"))
    assert (result.outcome, result.transactions) == (Outcome.TRY_AGAIN, 0)
    assert ovs.vsctl("get", "Port", "p1", "tag") == "99"
    assert ovs.vsctl("list-ports", "br0") == "p1"


@pytest.mark.parametrize("late", [True, False], ids=["at commit", "in the replica"])
async def test_a_bridge_that_got_a_foreign_port_is_not_deleted(
    ovs: OpenVSwitch, connection: OvsdbConnection, *, late: bool
) -> None:
    bridge = (await commit(connection, add_bridge(), add_port("p1")))["br0"]
    ops = (
        DeletePort("port:p1", "br0", "p1", port_of(bridge, "p1")),
        DeleteBridge("bridge:br0", "br0", bridge),
    )
    change = ("add-port", "br0", "theirs", "--", "set", "Interface", "theirs", "type=internal")
    if late:
        result = await apply_behind(connection, ovs, change, *ops)
    else:
        ovs.vsctl(*change)
        await observed_until(connection, lambda seen: len(seen.bridges["br0"].ports) == 3, "theirs")
        result = await apply(connection, *ops)
    assert result.outcome is Outcome.TRY_AGAIN
    assert ovs.vsctl("list-ports", "br0").split() == ["p1", "theirs"]


async def test_ports_that_others_add_meanwhile_do_not_disturb(
    ovs: OpenVSwitch, connection: OvsdbConnection
) -> None:
    await commit(connection, add_bridge())
    change = ("add-port", "br0", "theirs", "--", "set", "Interface", "theirs", "type=internal")
    result = await apply_behind(connection, ovs, change, add_port("p1"))
    assert result.outcome is Outcome.COMMITTED
    assert ovs.vsctl("list-ports", "br0").split() == ["p1", "theirs"]


async def test_a_refused_resource_is_named_and_the_others_go_through(
    ovs: OpenVSwitch, connection: OvsdbConnection
) -> None:
    await commit(connection, add_bridge())
    ovs.vsctl("add-port", "br0", "taken", "--", "set", "Interface", "taken", "type=internal")
    result = await apply(connection, add_port("p1"), add_port("taken"), add_port("p2"))
    assert result.outcome is Outcome.COMMITTED
    assert result.realized
    (failure,) = result.failures
    assert (failure.resource, failure.kind) == ("port:taken", ErrorKind.CONFLICT)
    assert failure.reason == "NameTaken"
    assert "taken" in failure.message
    assert ovs.vsctl("list-ports", "br0").split() == ["p1", "p2", "taken"]


async def test_the_ports_of_a_refused_bridge_say_so(
    ovs: OpenVSwitch, connection: OvsdbConnection
) -> None:
    ovs.vsctl("add-br", "br0", "--", "set", "Bridge", "br0", "datapath_type=netdev")
    result = await apply(
        connection, add_bridge("br0"), add_port("p1"), add_bridge("br1"), add_port("p2", "br1")
    )
    assert [(each.resource, each.reason) for each in result.failures] == [
        ("bridge:br0", "NameTaken"),
        ("port:p1", "BridgeMissing"),
    ]
    assert ovs.vsctl("list-ports", "br0") == ""
    assert ovs.vsctl("list-ports", "br1") == "p2"


async def test_a_duplicate_tunnel_shows_the_error_of_the_datapath(
    connection: OvsdbConnection,
) -> None:
    options = {"remote_ip": "192.0.2.9", "key": "77"}
    ports = [
        AddPort(name, "br0", OvsPort(name, (OvsInterface(name, "vxlan", options=options),)))
        for name in ("vx1", "vx2")
    ]
    bridge = (await commit(connection, add_bridge(), *ports))["br0"]
    told = [port_of(bridge, name).interfaces[0] for name in ("vx1", "vx2")]
    assert min(each.ofport or 0 for each in told) == -1
    assert any("File exists" in (each.error or "") for each in told)
