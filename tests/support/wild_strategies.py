"""Hypothesis strategies for requests that hold anything: nothing of them need make sense."""

from __future__ import annotations

from hypothesis import strategies as st

from controller.domain.intent import (
    AddressFamily,
    BridgeSpec,
    BridgeType,
    DatapathType,
    HostSpec,
    Kind,
    Manifest,
    Mode,
    PortSpec,
    PortType,
    Ref,
    SegmentSpec,
    Spec,
    TunnelEnd,
    TunnelSpec,
    VethPeerSpec,
)
from controller.domain.settings import BridgeSettings, PortSettings
from tests.support.watcher_strategies import wild_watchers


def wild_manifests() -> st.SearchStrategy[Manifest]:
    """Manifests that hold anything their types allow."""
    bridge_settings = st.from_type(BridgeSettings)
    port_settings = st.from_type(PortSettings)
    words = st.text(max_size=20) | st.sampled_from(["h1", "s1", "b1", "default", "", ".", "vx0"])
    numbers = st.integers() | st.sampled_from([0, 1, 68, 1500, 4094, 4095, 65535, 2**24])
    many = st.lists(words | st.ip_addresses().map(str), max_size=4).map(tuple)
    peers = st.none() | st.builds(VethPeerSpec, words, words)
    ends = st.builds(
        TunnelEnd, st.none() | words, st.none() | words, st.none() | words, st.none() | numbers
    )
    specs: st.SearchStrategy[Spec] = st.one_of(
        wild_watchers(),
        st.builds(
            HostSpec,
            many,
            numbers,
            st.sampled_from(DatapathType),
            words,
            st.sampled_from(BridgeType),
        ),
        st.builds(
            BridgeSpec,
            st.none() | words,
            words,
            settings=bridge_settings,
            type=st.sampled_from(BridgeType),
            host_group=st.none() | words,
        ),
        st.builds(SegmentSpec, st.none() | numbers, st.none() | numbers, st.none() | numbers),
        st.builds(
            TunnelSpec,
            st.tuples(ends, ends),
            st.none() | numbers,
            numbers,
            st.sampled_from(AddressFamily),
            st.none() | numbers | words,
            st.none() | numbers | words,
        ),
        st.builds(
            PortSpec,
            host=st.none() | words,
            interface=words,
            type=st.sampled_from(PortType),
            segment=st.none() | words,
            bridge=st.none() | words,
            tag=st.none() | numbers,
            mac=st.none() | words,
            mtu=st.none() | numbers,
            addresses=many,
            peer=peers,
            settings=port_settings,
            iface_id=st.none() | words,
            migrating_to=st.none() | words,
        ),
    )
    return st.builds(
        Manifest,
        st.builds(Ref, st.sampled_from(Kind), words, words),
        specs,
        st.dictionaries(words, words, max_size=3),
        st.sampled_from(Mode),
        words,
        st.none() | numbers,
    )
