"""Rules for the settings of one bridge or one port, whatever else exists.

Ranges are those of ovs-vswitchd.conf.db(5). Where it says that a value is forced into a range, the
range is the rule: what is intended is what shall be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from typing import Any, TypeAlias, TypeVar

from controller.domain.linux_bridge import BridgePortSettings, LinuxBridgeSettings
from controller.domain.settings import (
    BRIDGE_DEFAULTS,
    PORT_DEFAULTS,
    BridgeSettings,
    FailMode,
    IngressPolicing,
    PortSettings,
    Settings,
)
from controller.domain.validation import fields
from controller.domain.validation.faults import Faults
from controller.domain.validation.fields import Fault
from controller.domain.validation.link_settings import (
    check_bridge_port_values,
    check_bridge_values,
    normalise_link,
)

_SettingsT = TypeVar("_SettingsT", BridgeSettings, PortSettings)
_Found: TypeAlias = Iterator[tuple[str, Fault]]
"""Where, below the spec, and what is wrong there."""

_DATAPATH_ID = re.compile(r"[0-9a-f]{16}")
_OWN_PREFIX = "ovsfleet-"
_MAX_EXTERNAL_IDS = 64
_MAX_INT32 = 2**31 - 1
_MAX_UINT32 = 2**32 - 1

_BRIDGE_RANGES: Mapping[str, tuple[int, int]] = {
    "stp/priority": (0, 65_535),
    "stp/hello_time_s": (1, 10),
    "stp/max_age_s": (6, 40),
    "stp/forward_delay_s": (4, 30),
    "rstp/priority": (0, 61_440),
    "rstp/ageing_time_s": (10, 1_000_000),
    "rstp/max_age_s": (6, 40),
    "rstp/forward_delay_s": (4, 30),
    "rstp/transmit_hold_count": (1, 10),
    "mcast_snooping/table_size": (10, 1_000_000),
    "mcast_snooping/aging_time_s": (15, 3600),
    "mac_aging_time_s": (15, 3600),
    "mac_table_size": (10, 1_000_000),
}
_PORT_RANGES: Mapping[str, tuple[int, int]] = {
    "ingress_policing/rate_kbps": (0, _MAX_UINT32),
    "ingress_policing/burst_kb": (0, _MAX_UINT32),
    "ingress_policing/kpkts_rate": (0, _MAX_UINT32),
    "ingress_policing/kpkts_burst": (0, _MAX_UINT32),
    "stp/path_cost": (0, 65_535),
    "stp/priority": (0, 255),
    "stp/port_number": (1, 255),
    "rstp/path_cost": (1, 200_000_000),
    "rstp/priority": (0, 240),
    "rstp/port_number": (1, 4095),
    "tap_owner/uid": (0, _MAX_UINT32 - 1),
    "tap_owner/gid": (0, _MAX_UINT32 - 1),
    "patch/tag": (1, 4094),
    "bond/updelay_ms": (0, _MAX_INT32),
    "bond/downdelay_ms": (0, _MAX_INT32),
    "bond/rebalance_interval_ms": (0, _MAX_INT32),
}
_STEPS: Mapping[type[Settings], tuple[str, int]] = {
    BridgeSettings: ("rstp/priority", 4096),
    PortSettings: ("rstp/priority", 16),
}


def normalise_settings(settings: _SettingsT) -> _SettingsT:
    """Give what means the same one spelling; a group that says nothing is not there."""
    if settings in (BRIDGE_DEFAULTS, PORT_DEFAULTS):
        return settings
    kept = {each.name: _normal(getattr(settings, each.name)) for each in fields_of(settings)}
    if isinstance(settings, BridgeSettings):
        for name in ("hwaddr", "datapath_id"):
            kept[name] = _lower(kept[name])
        if (stp := kept["stp"]) is not None:
            kept["stp"] = replace(stp, system_id=_lower(stp.system_id))
    return replace(settings, **kept)


def _normal(value: Any) -> Any:
    match value:
        case tuple():
            return tuple(sorted(set(value)))
        case LinuxBridgeSettings() | BridgePortSettings():
            return normalise_link(value)
        case _ if hasattr(value, "__dataclass_fields__"):
            return _normal_group(value)
        case _:
            return value


def _normal_group(group: Any) -> Any:
    if hasattr(group, "members"):
        return replace(group, members=tuple(sorted(group.members)))
    says_nothing = all(getattr(group, each.name) is None for each in fields_of(group))
    return None if says_nothing else group


def _lower(value: str | None) -> str | None:
    return value.lower().replace("-", ":") if value else value


def said(settings: Settings) -> list[str]:
    """Name the fields that say something."""
    default: Settings = BRIDGE_DEFAULTS if isinstance(settings, BridgeSettings) else PORT_DEFAULTS
    names = (each.name for each in fields_of(settings))
    return [name for name in names if getattr(settings, name) != getattr(default, name)]


def check_bridge_settings(settings: BridgeSettings, at: str, faults: Faults) -> None:
    if settings == BRIDGE_DEFAULTS:
        return
    _report(_out_of_range(settings, _BRIDGE_RANGES), at, faults)
    _report(_spanning_trees(settings), at, faults)
    _report(_identity(settings), at, faults)
    if settings.linux is not None:
        _report(check_bridge_values(settings.linux), f"{at}/linux", faults)
    if settings.fail_mode is not FailMode.STANDALONE:
        faults.invalid(
            f"{at}/fail_mode",
            "fail_mode_secure",
            "with fail_mode 'secure' and without an OpenFlow controller, and there is none, a"
            " bridge has no flows and drops every packet",
            "leave fail_mode out or write 'standalone'",
        )


def check_port_values(settings: PortSettings, at: str, faults: Faults) -> None:
    """Check each value by itself; what may stand together is in ``port_settings``."""
    if settings == PORT_DEFAULTS:
        return
    _report(_out_of_range(settings, _PORT_RANGES), at, faults)
    _report(_vlans(settings), at, faults)
    _report(_policing(settings.ingress_policing), at, faults)
    _report(_external_ids(settings.external_ids), at, faults)
    if settings.bridge_port is not None:
        _report(check_bridge_port_values(settings.bridge_port), f"{at}/bridge_port", faults)


def _report(found: _Found, at: str, faults: Faults) -> None:
    for where, fault in found:
        faults.invalid(f"{at}/{where}", *fault)


def _out_of_range(settings: Settings, ranges: Mapping[str, tuple[int, int]]) -> _Found:
    for path, (low, high) in ranges.items():
        value = _at(settings, path)
        if value is not None and not low <= value <= high:
            fix = f"choose a number from {low} to {high}, or leave it out"
            yield path, Fault("out_of_range", f"{value} is out of the range of {path!r}", fix)
    path, step = _STEPS[type(settings)]
    if (value := _at(settings, path)) is not None and value % step:
        fix = f"choose a multiple of {step}: {value // step * step} or {(value // step + 1) * step}"
        yield path, Fault("not_in_steps", f"{value} is not a multiple of {step}", fix)


def _at(settings: Settings, path: str) -> Any:
    value: Any = settings
    for name in path.split("/"):
        value = None if value is None else getattr(value, name)
    return value


def _spanning_trees(settings: BridgeSettings) -> _Found:
    stp, rstp = settings.stp, settings.rstp
    if stp is not None and rstp is not None and stp.enabled and rstp.enabled:
        why = "STP and RSTP exclude each other on one bridge"
        yield "stp/enabled", Fault("stp_and_rstp", why, "enable one of the two")
    if stp is not None:
        yield from _timers("stp", stp.max_age_s, stp.forward_delay_s, stp.hello_time_s)
        if stp.system_id is not None and (fault := fields.mac(stp.system_id)):
            yield "stp/system_id", fault
    if rstp is not None:
        yield from _timers("rstp", rstp.max_age_s, rstp.forward_delay_s, None)
        if rstp.force_protocol_version not in (None, 0, 2):
            why = f"{rstp.force_protocol_version} is no protocol version"
            fix = "write 0 (STP compatibility) or 2, or leave it out"
            yield "rstp/force_protocol_version", Fault("unknown_protocol_version", why, fix)


def _timers(
    group: str, max_age_s: int | None, forward_delay_s: int | None, hello_time_s: int | None
) -> _Found:
    """IEEE 802.1D, 17.14: outside of this Open vSwitch takes other values and says nothing."""
    max_age = 20 if max_age_s is None else max_age_s
    delay = 15 if forward_delay_s is None else forward_delay_s
    hello = 2 if hello_time_s is None else hello_time_s
    low, high = 2 * (hello + 1), 2 * (delay - 1)
    if not low <= max_age <= high and (max_age_s, forward_delay_s, hello_time_s) != (None,) * 3:
        yield (
            f"{group}/max_age_s",
            Fault(
                "timers_disagree",
                f"with a hello time of {hello} s and a forward delay of {delay} s the maximum age"
                f" is from {low} to {high} s, and it is {max_age}",
                "change max_age_s or forward_delay_s so that they agree",
            ),
        )


def _identity(settings: BridgeSettings) -> _Found:
    if settings.hwaddr is not None and (fault := fields.mac(settings.hwaddr)):
        yield "hwaddr", fault
    given = settings.datapath_id
    if given is not None and (not _DATAPATH_ID.fullmatch(given) or not int(given, 16)):
        fix = "write exactly 16 hexadecimal digits, not all of them 0"
        yield "datapath_id", Fault("invalid_datapath_id", f"{given!r} is no datapath ID", fix)


def _vlans(settings: PortSettings) -> _Found:
    for name in ("trunks", "cvlans"):
        for vlan in getattr(settings, name):
            if not 0 <= vlan <= 4094:
                fix = "choose numbers from 0 (no tag) to 4094"
                yield name, Fault("tag_out_of_range", f"{vlan} is not a VLAN", fix)


def _policing(policing: IngressPolicing | None) -> _Found:
    if policing is None:
        return
    for burst, rate in (("burst_kb", "rate_kbps"), ("kpkts_burst", "kpkts_rate")):
        if getattr(policing, burst) and not getattr(policing, rate):
            why = f"without {rate!r} nothing is policed, so that {burst!r} means nothing"
            fix = f"set {rate!r} too, or leave {burst!r} out"
            yield f"ingress_policing/{burst}", Fault("burst_without_rate", why, fix)
    if policing.rate_kbps and policing.kpkts_rate:
        why = "Open vSwitch asks the kernel for both in one, which takes neither and says nothing"
        fix = "leave 'kpkts_rate' or 'rate_kbps' out"
        yield "ingress_policing/kpkts_rate", Fault("policing_ambiguous", why, fix)


def _external_ids(ids: Mapping[str, str]) -> _Found:
    if len(ids) > _MAX_EXTERNAL_IDS:
        fix = f"keep at most {_MAX_EXTERNAL_IDS}"
        yield "external_ids", Fault("too_many_external_ids", f"{len(ids)} external_ids", fix)
    for key in ids:
        where = "external_ids/" + key.replace("~", "~0").replace("/", "~1")
        if not key:
            yield where, Fault("external_id_reserved", "a key is empty", "name the key")
        elif key.startswith(_OWN_PREFIX):
            why = f"{key!r} is reserved: with {_OWN_PREFIX!r} begin the marks of ownership"
            yield where, Fault("external_id_reserved", why, "choose another key")
        elif key == "iface-id":
            why = "'iface-id' is what binds a port that somebody else plugs"
            yield where, Fault("external_id_reserved", why, "choose another key")
