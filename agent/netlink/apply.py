"""Executing the planner's netlink steps, each of which may be repeated at any time."""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
from functools import partial
from typing import Any, TypeAlias

import structlog
from pyroute2.netlink.exceptions import NetlinkError

from agent.errors import Failure
from agent.model import ADDRESS_MARK, ALIAS_PREFIX, OVS_KINDS
from agent.netlink import (
    bridge_links,
    bridge_vlans,
    creation,
    dump,
    fdb,
    netns,
    offload,
    promotion,
    quiet,
    refusal,
    tables,
    taps,
)
from agent.netlink.session import Rtnl, rtnl
from agent.planner.bridge_steps import (
    BridgeStep,
    SetBridgeAttributes,
    SetBridgePort,
    SetBridgeVlans,
)
from agent.planner.plan import (
    AddAddress,
    AddFdb,
    AddNeighbours,
    CreateLinuxBridge,
    CreateTap,
    CreateVeth,
    CreateVxlan,
    DeleteAddress,
    DeleteFdb,
    DeleteLink,
    DeleteNeighbours,
    NetlinkStep,
    SetLink,
    SetTapOwner,
    SetVxlan,
)
from agent.planner.steps import TableStep

log = structlog.get_logger(__name__)

Creation: TypeAlias = CreateVeth | CreateVxlan | CreateLinuxBridge | CreateTap

_MADE_UNMARKED = OVS_KINDS | {"veth"}
"""Kinds of the devices that Open vSwitch makes, and of the peers of our veths."""


class Executor:
    """Counts in ``write_count`` the requests that change something."""

    def __init__(self) -> None:
        self.write_count = 0

    async def apply(self, step: NetlinkStep) -> Failure | None:
        """None when the step is done, whoever did it."""
        try:
            return await self._execute(step)
        except (netns.NamespaceMissingError, fdb.TakenError, quiet.RefusedError) as error:
            return refusal.explain(step, error)
        except NetlinkError as error:
            return refusal.decode(step, error.code, str(error.args[1]))
        except OSError as error:
            return refusal.decode(step, error.errno or 0, error.strerror or str(error))
        except Exception as error:
            # Whatever it is, the other resources' steps are still to be done.
            log.exception("fault in a step", step=step.describe())
            return refusal.step_fault(step, error)

    async def _execute(self, step: NetlinkStep) -> Failure | None:
        match step:
            case CreateVeth() | CreateVxlan() | CreateLinuxBridge() | CreateTap():
                return await self._make(step)
            case SetTapOwner():
                await self._set_tap_owner(step)
            case AddFdb() | DeleteFdb() | AddNeighbours() | DeleteNeighbours():
                await self._change_table(step)
            case DeleteLink():
                await self._delete_link(step)
            case SetLink():
                return await self._set_link(step)
            case AddAddress():
                return await self._add_address(step)
            case DeleteAddress():
                await self._delete_address(step)
            case SetVxlan():
                await self._set_vxlan(step)
            case SetBridgeAttributes() | SetBridgePort() | SetBridgeVlans():
                return await self._set_bridging(step)
        return None

    async def _make(self, step: Creation) -> Failure | None:
        match step:
            case CreateVeth():
                return await self._create_veth(step)
            case CreateVxlan():
                return await self._create(step, creation.vxlan(step))
            case CreateLinuxBridge():
                return await self._create(step, creation.linux_bridge(step))
            case CreateTap():
                return await self._create_tap(step)

    async def _create_veth(self, step: CreateVeth) -> Failure | None:
        namespace = netns.open_fd(step.peer_netns)
        try:
            return await self._create(step, creation.veth(step, namespace))
        finally:
            os.close(namespace)

    async def _create_tap(self, step: CreateTap) -> Failure | None:
        async with rtnl(None) as route:
            if taken := await find(route, step.name):
                return _unless_ours(step, taken)
            self.write_count += 1
            with taps.new(step.name) as device:
                link = await _get(route, step.name)
                changes = {"ifalias": step.alias} | ({"mtu": step.mtu} if step.mtu else {})
                await route.link("set", index=link["index"], **changes)
                self.write_count += await asyncio.to_thread(quiet.make, link["index"])
                taps.give_to(device, step.owner)
                taps.persist(device)
        return None

    async def _set_tap_owner(self, step: SetTapOwner) -> None:
        async with rtnl(None) as route:
            await _target(route, step)
        self.write_count += 1
        taps.change_owner(step.name, step.owner)

    async def _create(
        self, step: CreateVeth | CreateVxlan | CreateLinuxBridge, messages: list[Any]
    ) -> Failure | None:
        try:
            async with rtnl(None) as route:
                if taken := await find(route, step.name):
                    return _unless_ours(step, taken)
                self.write_count += 1
                async for _ in route.nlm_request_batch(messages):
                    pass
                await self._quieten(await _get(route, step.name))
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise
            return await self._explain_taken(step)
        return None

    async def _explain_taken(
        self, step: CreateVeth | CreateVxlan | CreateLinuxBridge
    ) -> Failure | None:
        """Somebody made the name meanwhile, or what else of it has to be unique is taken."""
        async with rtnl(None) as route:
            if taken := await find(route, step.name):
                return _unless_ours(step, taken)
        match step:
            case CreateVeth():
                peer = f"{step.peer_name} in {step.peer_netns}"
                return refusal.foreign_device(step, peer, "")
            case CreateVxlan():
                return refusal.vni_taken(step, await asyncio.to_thread(dump.links))
        return refusal.foreign_device(step, step.name, "")

    async def _set_vxlan(self, step: SetVxlan) -> None:
        async with rtnl(None) as route:
            index = (await _target(route, step))["index"]
            self.write_count += 1
            async for _ in route.nlm_request_batch(creation.reshaping(step, index)):
                pass

    async def _change_table(self, step: TableStep) -> None:
        async with rtnl(None) as route:
            index = (await _target(route, step))["index"]
        self.write_count += len(step.entries)
        await asyncio.to_thread(tables.change, step, index)

    async def _delete_link(self, step: DeleteLink) -> None:
        async with rtnl(None) as route:
            link = await find(route, step.name)
            if link is None or (link["index"], alias_of(link)) != (step.ifindex, step.alias):
                return  # ours is gone; what has its name now is somebody else's
            self.write_count += 1
            await _tolerating(route.link("del", index=step.ifindex), errno.ENODEV)

    async def _set_link(self, step: SetLink) -> Failure | None:
        async with rtnl(step.netns) as route:
            link = await _target(route, step)
            if step.userspace:
                _fit_for_userspace(step, link)
            changes = await _changes(route, step)
            try:
                # By itself: with a larger one the kernel may take up IPv6 on the device.
                await self._change(route, link, _taken(changes, "mtu"))
                if step.quiet or step.up or step.mtu is not None:
                    await self._quieten(link, asked=bool(step.quiet))
                await self._change(route, link, changes)
            except NetlinkError as error:
                return await _explain_refused(step, link, error)
        return None

    async def _change(self, route: Rtnl, link: Any, changes: dict[str, Any]) -> None:
        if changes:
            self.write_count += 1
            await route.link("set", index=link["index"], **changes)

    async def _quieten(self, link: Any, *, asked: bool = False) -> None:
        """A device of ours on which the host has no business never goes up without that.

        Of TAP devices only the plan knows which are such: Open vSwitch's internal ones are not.
        """
        if (_kind(link) in quiet.KINDS or asked) and _is_marked(link):
            self.write_count += await asyncio.to_thread(quiet.make, link["index"])

    async def _set_bridging(self, step: BridgeStep) -> Failure | None:
        async with rtnl(None) as route:
            index = (await _target(route, step))["index"]
        if isinstance(step, SetBridgeVlans):
            self.write_count += await asyncio.to_thread(bridge_vlans.make, index, step.vlans)
            return None
        is_bridge = isinstance(step, SetBridgeAttributes)
        change = bridge_links.set_bridge if is_bridge else bridge_links.set_port
        self.write_count += len(step.attributes)
        refused = await asyncio.to_thread(change, index, step.attributes)
        return refusal.attributes_refused(step, refused) if refused else None

    async def _add_address(self, step: AddAddress) -> Failure | None:
        async with rtnl(step.netns) as route:
            index = (await _target(route, step))["index"]
            self.write_count += 1
            try:
                await route.addr("add", index=index, proto=ADDRESS_MARK, **_words(step.cidr))
            except NetlinkError as error:
                if error.code != errno.EEXIST:
                    raise
                # IPv6 refuses an address also when it is there with another prefix length.
                if step.cidr not in _addresses(step, index):
                    return refusal.address_taken(step)
        return None

    async def _delete_address(self, step: DeleteAddress) -> None:
        async with rtnl(step.netns) as route:
            index = (await _target(route, step))["index"]
            if not _addresses(step, index).get(step.cidr):
                return  # ours is gone; what is there now is somebody else's
            if ipaddress.ip_interface(step.cidr).version == 4:
                self.write_count += 1
                netns.call_in(step.netns, partial(promotion.enable, index))
            self.write_count += 1
            await _tolerating(
                route.addr("del", index=index, **_words(step.cidr)), errno.EADDRNOTAVAIL
            )


def _fit_for_userspace(step: SetLink, link: Any) -> None:
    """Only the peers of our veths, in namespaces, bear no mark."""
    kind = _kind(link) if step.netns is not None or _is_marked(link) else ""
    if kind == "veth":
        offload.disable_tx_checksum(step.netns, step.name)
    elif kind == "vxlan":
        offload.disable_gro(step.name)


async def _changes(route: Rtnl, step: SetLink) -> dict[str, Any]:
    """In pyroute2's words."""
    wanted = {"mtu": step.mtu, "address": step.mac, "ifalias": step.alias}
    changes: dict[str, Any] = {k: v for k, v in wanted.items() if v is not None}
    if step.up is not None:
        changes["state"] = "up" if step.up else "down"
    if step.master is not None:
        changes["master"] = await _master_index(route, step.master)
    return changes


def _taken(changes: dict[str, Any], key: str) -> dict[str, Any]:
    return {key: changes.pop(key)} if key in changes else {}


async def _explain_refused(step: SetLink, link: Any, error: NetlinkError) -> Failure:
    """What the kernel says of a device in terms of what else there is on the host."""
    if error.code == errno.EADDRINUSE and _kind(link) == "vxlan":
        return refusal.udp_port_taken(step, await asyncio.to_thread(dump.links))
    if error.code == errno.EBUSY and step.master:
        return refusal.device_busy(step, await asyncio.to_thread(dump.holders, link["index"]))
    raise error


async def _master_index(route: Rtnl, name: str) -> int:
    """A bridge of that name that is not ours is nothing to put a tenant's traffic on."""
    if not name:
        return 0
    link = await find(route, name)
    if link is None or _kind(link) != "bridge" or not _is_marked(link):
        raise OSError(errno.ENODEV, f"there is no Linux bridge {name} of ours")
    return int(link["index"])


async def _get(route: Rtnl, name: str) -> Any:
    return (await route.link("get", ifname=name))[0]


async def _target(
    route: Rtnl,
    step: SetLink | AddAddress | DeleteAddress | TableStep | SetVxlan | SetTapOwner | BridgeStep,
) -> Any:
    """The device that the step is about: what has its name now may be somebody else's."""
    link = await _get(route, step.name)
    is_the_one = link["index"] == step.ifindex if step.ifindex else _may_be_new(link)
    if not is_the_one:
        raise OSError(errno.ENODEV, f"{step.name} is the name of another device by now")
    return link


def _may_be_new(link: Any) -> bool:
    """Whether Open vSwitch or we can have made it just now; what we make bears our mark at once."""
    return _kind(link) in _MADE_UNMARKED or _is_marked(link)


async def find(route: Rtnl, name: str) -> Any | None:
    try:
        return await _get(route, name)
    except NetlinkError as error:
        if error.code != errno.ENODEV:
            raise
        return None


async def _tolerating(request: Any, code: int) -> None:
    try:
        await request
    except NetlinkError as error:
        if error.code != code:
            raise


def _words(cidr: str) -> dict[str, Any]:
    interface = ipaddress.ip_interface(cidr)
    return {"address": str(interface.ip), "prefixlen": interface.network.prefixlen}


def _addresses(step: AddAddress | DeleteAddress, index: int) -> dump.Addresses:
    return netns.call_in(step.netns, partial(dump.addresses, index))


def _kind(link: Any) -> str:
    return link.get(("linkinfo", "kind")) or ""


def alias_of(link: Any) -> str:
    return link.get("ifalias") or ""


def _is_marked(link: Any) -> bool:
    return alias_of(link).startswith(f"{ALIAS_PREFIX}:")


def _unless_ours(
    step: CreateVeth | CreateVxlan | CreateLinuxBridge | CreateTap, link: Any
) -> Failure | None:
    if alias_of(link) == step.alias:
        return None
    return refusal.foreign_device(step, step.name, alias_of(link))
