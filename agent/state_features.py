"""What this agent understands beyond the first version of the wire contract.

Said in ``Capabilities``: protobuf drops the fields that a reader does not know, so
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

"""Of a desired state."""

SESSION_FEATURES = frozenset({"observe"})
"""Of what a controller may ask in a session (``Capabilities.session_features``)."""
