"""What this agent understands of a desired state beyond the first version of the wire contract.

Said in ``Capabilities.state_features``: protobuf drops the fields that a reader does not know, so
that nobody but the controller can tell that an agent is too old for something. A word stands here
as soon as the codec, the model and the planner do what the word stands for, and not before.
"""

from __future__ import annotations

STATE_FEATURES = frozenset(
    {
        "admin_state",
        "arp_modes",
        "bonds",
        "bound_ports",
        "bridge_port_attributes",
        "external_vteps",
        "flow_exports",
        "former_vteps",
        "grants",
        "kernel_backend",
        "links",
        "linux_bridges",
        "mirrors",
        "patches",
        "qos",
        "safety",
        "settings",
        "system_ports",
        "taps",
        "tunnel_options",
        "tunnels",
        "vlan_modes",
    }
)
