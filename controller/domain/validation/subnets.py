"""Rules of a segment's subnets: the addresses of its ports are in one of them each."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from controller.domain.intent import PortSpec, Ref, SegmentSpec
from controller.domain.validation import fields
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.segment_fields import Network, network


def check_subnets(after: After, faults: Faults) -> None:
    for ref, segment in after.touched_segments():
        if segment.subnets:
            _check_ports(ref, segment, after, faults)


def _check_ports(ref: Ref, segment: SegmentSpec, after: After, faults: Faults) -> None:
    networks = [found for text in segment.subnets if (found := network(text)) is not None]
    own = after.drafts.get(ref)
    far = after.elsewhere(ref).outside
    ports = [(port.ref, spec, port.pointer) for port, spec in after.ports_of(ref)]
    if far is not None and isinstance(far.spec, PortSpec):
        ports.append((far.ref, far.spec, ""))
    for port, spec, pointer in ports:
        for index, address in _outside(spec, networks):
            if port in after.drafts:
                at = f"{pointer}/spec/addresses/{index}"
            elif own is not None:
                at = f"{own.pointer}/spec/subnets"
            else:
                continue
            faults.invalid(
                at,
                "address_outside_subnets",
                f"{after.listing([port])} has the address {address}, which is in none of the"
                f" subnets of segment {ref.name!r}: {', '.join(segment.subnets)}",
                "choose an address in one of them, or add its network to the segment's 'subnets'",
            )


def _outside(port: PortSpec, networks: list[Network]) -> Iterator[tuple[int, str]]:
    for index, address in enumerate(port.addresses):
        text = fields.ip_of(address)
        if text is not None and not any(ipaddress.ip_address(text) in each for each in networks):
            yield index, text
