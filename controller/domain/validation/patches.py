"""A patch carries frames within one datapath: Open vSwitch accepts one between two, and it carries
nothing."""

from __future__ import annotations

from controller.domain.intent import BridgeType, DatapathType, PortSpec
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults
from controller.domain.validation.flooding import joins_anew
from controller.domain.validation.world import Draft


def check_patches(after: After, faults: Faults) -> None:
    """Refuse each new patch between bridges of different datapaths.

    A bridge keeps its datapath for good, and a host that of its overlay bridge while it carries
    anything: so nothing else brings the two together."""
    for draft in after.drafts.values():
        if isinstance(draft.spec, PortSpec) and draft.spec.settings.patch and joins_anew(draft):
            _check_datapaths(draft, draft.spec, draft.spec.settings.patch.bridge, after, faults)


def _check_datapaths(
    draft: Draft, spec: PortSpec, other: str, after: After, faults: Faults
) -> None:
    near, far = _near_datapath(spec, after), _datapath(other, after)
    if near is None or far is None or near is far:
        return
    what = f"Bridge {spec.bridge!r}" if spec.bridge else f"the overlay bridge of host {spec.host!r}"
    faults.invalid(
        f"{draft.pointer}/spec/patch/bridge",
        "datapath_type_differs",
        f"{what} has datapath_type {str(near)!r} and Bridge {other!r}"
        f" {str(far)!r}: a patch between two datapaths carries nothing",
        f"name a bridge with datapath_type {str(near)!r}",
    )


def _near_datapath(spec: PortSpec, after: After) -> DatapathType | None:
    if spec.bridge is not None:
        return _datapath(spec.bridge, after)
    host = after.host(spec.host)
    if host is None or host.overlay_bridge_type is not BridgeType.OVS:
        return None
    return host.datapath_type


def _datapath(bridge: str, after: After) -> DatapathType | None:
    found = after.bridge(bridge)
    return found.datapath_type if found is not None and found.type is BridgeType.OVS else None
