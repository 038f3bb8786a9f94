"""Hypothesis strategies for what tunnels are like, and between whom there are any."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from agent.fragments import NO_OPTIONS, SegmentFragment, SegmentLink, TunnelOptions
from agent.model import Bridge, HostState, SegmentAttachment, Tunnel, explicit_tunnel_id

DST_PORTS = st.sampled_from((4789, 4790))
_TUNNEL_ENDS = ("198.51.100.1", "198.51.100.2", "2001:db8::1")
_HOPS = st.sampled_from(("", "64", "inherit"))
_CHOICES = st.sampled_from((None, True, False))
_BFD = st.sampled_from(({}, {}, {"enable": "true"}, {"enable": "true", "min_tx": "300"}))
OPTIONS = st.one_of(
    st.just(NO_OPTIONS),
    st.builds(
        TunnelOptions,
        ttl=_HOPS,
        tos=_HOPS,
        csum=_CHOICES,
        df_default=_CHOICES,
        egress_pkt_mark=st.sampled_from((None, 0)),
        gbp=st.booleans(),
        flow_label=st.sampled_from((0, 77)),
        source_ports=st.sampled_from(((0, 0), (40000, 50000))),
        bfd=_BFD,
    ),
)


def hashed(fragment: SegmentFragment) -> SegmentFragment:
    return replace(fragment, hash=repr(replace(fragment, hash=b"")).encode())


def with_options(
    state: HostState, attachment: SegmentAttachment, options: TunnelOptions
) -> HostState:
    """The same state with other options for that segment's tunnels."""
    fragment = hashed(replace(state.fragments[attachment.fragment_hash], options=options))
    changed = replace(attachment, fragment_hash=fragment.hash)
    attachments = (changed if each is attachment else each for each in state.attachments)
    others = {key: each for key, each in state.fragments.items() if key != attachment.fragment_hash}
    return replace(
        state, attachments=tuple(attachments), fragments={**others, fragment.hash: fragment}
    )


@st.composite
def links(draw: st.DrawFn, hosts: tuple[str, ...]) -> tuple[SegmentLink, ...]:
    pairs = [(a, b) for a in hosts for b in hosts if a < b]
    return tuple(
        SegmentLink(a, b, split_horizon=draw(st.booleans()))
        for a, b in pairs
        if draw(st.integers(0, 2))
    )


@st.composite
def tunnels(draw: st.DrawFn, on: tuple[Bridge, ...]) -> tuple[Tunnel, ...]:
    uids = draw(st.lists(st.sampled_from("xy"), unique=True)) if on else []
    vnis = draw(st.permutations((20001, 20002)))
    return tuple(
        Tunnel(
            id=explicit_tunnel_id(uid),
            bridge=draw(st.sampled_from(on)).name,
            local_ip="203.0.113.1",
            remote_ip=draw(st.sampled_from(_TUNNEL_ENDS)),
            vni=vni,
            dst_port=draw(DST_PORTS),
            tag=draw(st.sampled_from((0, 11, 21))),
            ttl=draw(_HOPS),
            tos=draw(_HOPS),
            csum=draw(_CHOICES),
            df_default=draw(_CHOICES),
        )
        for uid, vni in zip(uids, vnis, strict=False)
    )
