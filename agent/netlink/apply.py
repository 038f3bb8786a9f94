"""Executing the planner's netlink steps, each of which may be repeated at any time."""

from __future__ import annotations

import errno
import ipaddress
import os
import secrets
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog
from pyroute2.netlink import NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REQUEST
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.rtnl import RTM_NEWLINK, RTM_SETLINK
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from agent.errors import Failure
from agent.model import ADDRESS_MARK, OUR_KINDS
from agent.netlink import dump, netns, offload, promotion, refusal
from agent.netlink.session import Rtnl, rtnl
from agent.planner.plan import (
    AddAddress,
    CreateVeth,
    DeleteAddress,
    DeleteLink,
    NetlinkStep,
    SetLink,
)

log = structlog.get_logger(__name__)


class Executor:
    """Counts in ``write_count`` the requests that change something."""

    def __init__(self, userspace_datapath: Callable[[], bool]) -> None:
        self.write_count = 0
        self._userspace_datapath = userspace_datapath

    async def apply(self, step: NetlinkStep) -> Failure | None:
        """None when the step is done, whoever did it."""
        try:
            return await self._execute(step)
        except netns.NamespaceMissingError as error:
            return refusal.missing_namespace(step, error)
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
            case CreateVeth():
                return await self._create_veth(step)
            case DeleteLink():
                await self._delete_link(step)
            case SetLink():
                await self._set_link(step)
            case AddAddress():
                return await self._add_address(step)
            case DeleteAddress():
                await self._delete_address(step)
        return None

    async def _create_veth(self, step: CreateVeth) -> Failure | None:
        namespace = netns.open_fd(step.peer_netns)
        try:
            async with rtnl(None) as route:
                if taken := await find(route, step.name):
                    return _unless_ours(step, taken)
                self.write_count += 1
                async for _ in route.nlm_request_batch(_veth_messages(step, namespace)):
                    pass
        except NetlinkError as error:
            if error.code != errno.EEXIST:
                raise
            return await self._explain_taken(step)
        finally:
            os.close(namespace)
        if self._userspace_datapath():
            offload.disable_tx_checksum(None, step.name)
            offload.disable_tx_checksum(step.peer_netns, step.peer_name)
        return None

    async def _explain_taken(self, step: CreateVeth) -> Failure | None:
        """Either name of the pair can be the one that exists already."""
        async with rtnl(None) as route:
            if taken := await find(route, step.name):
                return _unless_ours(step, taken)
        return refusal.foreign_device(step, f"{step.peer_name} in {step.peer_netns}", "")

    async def _delete_link(self, step: DeleteLink) -> None:
        async with rtnl(None) as route:
            link = await find(route, step.name)
            if link is None or (link["index"], alias_of(link)) != (step.ifindex, step.alias):
                return  # ours is gone; what has its name now is somebody else's
            self.write_count += 1
            await _tolerating(route.link("del", index=step.ifindex), errno.ENODEV)

    async def _set_link(self, step: SetLink) -> None:
        async with rtnl(step.netns) as route:
            link = await _target(route, step)
            if step.up and _kind(link) == "veth" and self._userspace_datapath():
                offload.disable_tx_checksum(step.netns, step.name)
            wanted = {"mtu": step.mtu, "address": step.mac, "ifalias": step.alias}
            changes: dict[str, Any] = {k: v for k, v in wanted.items() if v is not None}
            if step.up is not None:
                changes["state"] = "up" if step.up else "down"
            self.write_count += 1
            await route.link("set", index=link["index"], **changes)

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


async def _get(route: Rtnl, name: str) -> Any:
    return (await route.link("get", ifname=name))[0]


async def _target(route: Rtnl, step: SetLink | AddAddress | DeleteAddress) -> Any:
    """The device that the step is about: what has its name now may be somebody else's."""
    link = await _get(route, step.name)
    is_another = link["index"] != step.ifindex if step.ifindex else _kind(link) not in OUR_KINDS
    if is_another:
        raise OSError(errno.ENODEV, f"{step.name} is the name of another device by now")
    return link


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


def _unless_ours(step: CreateVeth, link: Any) -> Failure | None:
    if alias_of(link) == step.alias:
        return None
    return refusal.foreign_device(step, step.name, alias_of(link))


def _veth_messages(step: CreateVeth, namespace: int) -> list[Any]:
    """Creation and mark in one buffer, which the kernel handles to its end whatever becomes of us.

    The kernel takes no alias at creation, and handles the second message also when it refused the
    first. The mark therefore goes to an index that we chose at random for the new device: where
    nothing was created, nothing has that index, and no foreign device can receive our mark.
    """
    index = 2**24 + secrets.randbelow(2**30)
    create, mark = ifinfmsg(), ifinfmsg()
    create["index"] = mark["index"] = index
    create["attrs"] = [
        ("IFLA_IFNAME", step.name),
        ("IFLA_MTU", step.mtu),
        ("IFLA_LINKINFO", _link_info(step, namespace)),
    ]
    create["header"]["type"] = RTM_NEWLINK
    create["header"]["flags"] = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL
    mark["attrs"] = [("IFLA_IFALIAS", step.alias)]
    mark["header"]["type"] = RTM_SETLINK
    mark["header"]["flags"] = NLM_F_REQUEST | NLM_F_ACK
    return [create, mark]


def _link_info(step: CreateVeth, namespace: int) -> dict[str, Any]:
    peer: list[tuple[str, Any]] = [
        ("IFLA_IFNAME", step.peer_name),
        ("IFLA_MTU", step.mtu),
        ("IFLA_NET_NS_FD", namespace),
    ]
    if step.peer_mac:
        peer.append(("IFLA_ADDRESS", step.peer_mac))
    data = {"attrs": [("VETH_INFO_PEER", {"attrs": peer})]}
    return {"attrs": [("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", data)]}
