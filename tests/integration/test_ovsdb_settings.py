"""Columns that intent may set: on a database that lacks some, and with values it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.columns import Settings
from agent.errors import ErrorKind
from agent.observed import OvsBridge, OvsInterface, OvsPort
from agent.ovsdb.apply import Outcome
from agent.planner.plan import AddBridge, AddPort, Amendment, OvsdbOp, SetInterface
from tests.support import ovs as support
from tests.support.netns import Namespace
from tests.support.ovs import OpenVSwitch, connected, open_vswitch

pytestmark = pytest.mark.integration

MARKS = {"ovsfleet-owner": "fleet", "ovsfleet-id": "port:1"}


def port(name: str, settings: Settings) -> AddPort:
    row = OvsInterface(name, "internal", external_ids=MARKS)
    return AddPort(f"port:{name}", "br0", OvsPort(name, (row,), settings=settings))


def bridge(settings: Settings) -> AddBridge:
    return AddBridge("bridge:1", "br0", "netdev", MARKS, settings=settings, own_ids={"note": "a"})


async def test_columns_that_an_older_database_lacks_are_not_asked_for(
    netns: Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    schema = json.loads(support.SCHEMA.read_text())
    for table, column in (("Interface", "lldp"), ("Port", "cvlans"), ("Port", "protected")):
        del schema["tables"][table]["columns"][column]
    (tmp_path / "older").write_text(json.dumps(schema))
    monkeypatch.setattr(support, "SCHEMA", tmp_path / "older")
    with open_vswitch(netns, vswitchd=False) as older:
        async with connected(older) as connection:
            ops = (bridge(Settings({"stp_enable": (True,)})), port("p0", Settings()))
            result = await connection.apply(ops, "older", 10.0)
            seen = await connection.observe()
    assert result.outcome is Outcome.COMMITTED
    assert "lldp" not in seen.columns["Interface"]
    assert "bfd" in seen.columns["Interface"]
    assert "cvlans" not in seen.columns["Port"]
    assert seen.bridges["br0"].settings == Settings({"stp_enable": (True,)})
    assert seen.bridges["br0"].external_ids == {**MARKS, "note": "a"}


async def test_a_value_that_the_database_refuses_fails_its_port_alone(ovsdb: OpenVSwitch) -> None:
    async with connected(ovsdb) as connection:
        ops: tuple[OvsdbOp, ...] = (
            bridge(Settings()),
            port("bad", Settings({"lacp": ("sometimes",)})),
            port("good", Settings({"lacp": ("active",), "cvlans": (3, 4)})),
        )
        result = await connection.apply(ops, "refused", 10.0)
        seen = await connection.observe()
    (failure,) = result.failures
    assert (failure.resource, failure.kind) == ("port:bad", ErrorKind.INVALID)
    assert "sometimes" in failure.message
    names = {each.name: each.settings for each in seen.bridges["br0"].ports}
    assert names["good"] == Settings({"cvlans": (3, 4), "lacp": ("active",)})
    assert "bad" not in names


async def test_how_many_vlan_headers_are_looked_at_is_seen(ovsdb: OpenVSwitch) -> None:
    seen = []
    for limit in ("2", "0", "many", ""):
        ovsdb.vsctl("--no-wait", "set", "Open_vSwitch", ".", f'other_config:vlan-limit="{limit}"')
        async with connected(ovsdb) as connection:
            seen.append((await connection.observe()).vlan_limit)
    assert seen == [2, 0, 1, 1]


async def test_an_amendment_that_rests_on_an_older_row_changes_nothing(ovsdb: OpenVSwitch) -> None:
    def row(bridges: dict[str, OvsBridge]) -> OvsInterface:
        (found,) = (each for each in bridges["br0"].ports if each.name == "p0")
        return found.interfaces[0]

    async with connected(ovsdb) as connection:
        await connection.apply((bridge(Settings()), port("p0", Settings())), "made", 10.0)
        before = row(dict((await connection.observe()).bridges))
        ovsdb.vsctl("--no-wait", "set", "Interface", "p0", "bfd:enable=true")
        change = Amendment({}, {"bfd": {"min_rx": "500"}}, {"external_ids": frozenset({"gone"})})
        late = SetInterface("port:p0", "p0", before, settings=change)
        assert (await connection.apply((late,), "late", 10.0)).outcome is Outcome.TRY_AGAIN
        now = row(dict((await connection.observe()).bridges))
        fresh = SetInterface("port:p0", "p0", now, settings=change)
        assert (await connection.apply((fresh,), "fresh", 10.0)).outcome is Outcome.COMMITTED
        after = row(dict((await connection.observe()).bridges))
    assert after.settings == Settings({}, {"bfd": {"enable": "true", "min_rx": "500"}})
