"""What the kernel does to a device's traffic, where the kernel cannot do it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator

import pytest

from agent.netlink import traffic, wire
from agent.observed import Traffic


def _without_classifiers(*_: object, **__: object) -> Iterator[bytes]:
    """What rtnetlink answers where CONFIG_NET_CLS is not set."""
    raise OSError(errno.EOPNOTSUPP, "Operation not supported")


def test_a_kernel_without_classifiers_polices_nothing_and_still_has_qdiscs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wire, "dump", _without_classifiers)
    index = socket.if_nametoindex("lo")
    assert traffic.of({"lo": index}, {"lo"}) == {"lo": Traffic("noqueue", is_policed=False)}
    assert traffic.of({"gone": 2**30}, {"gone"}) == {}


def test_filters_are_asked_for_only_where_policing_is_meant(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def dump(*_: object, **__: object) -> Iterator[bytes]:
        asked.append(1)
        return iter(())

    monkeypatch.setattr(wire, "dump", dump)
    index = socket.if_nametoindex("lo")
    assert traffic.of({"lo": index}) == {"lo": Traffic("noqueue", is_policed=False)}
    assert asked == []
    assert traffic.of({"lo": index}, {"lo"}) == {"lo": Traffic("noqueue", is_policed=False)}
    assert asked == [1]
