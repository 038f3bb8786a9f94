"""Constraint names as domain errors.

The rules find nearly every clash before anything is written; what still reaches a constraint is a
race between two requests, or a rule that has a hole.
"""

from __future__ import annotations

import psycopg
from sqlalchemy.exc import IntegrityError

from controller.domain.errors import ConflictError, DomainError

MESSAGES = {
    "uq_host_current_name": "another host has this name",
    "uq_bridge_current_name": "another bridge has this name",
    "uq_segment_current_name": "another segment has this name",
    "uq_port_current_name": "another port has this name",
    "uq_tunnel_current_name": "another tunnel has this name",
    "uq_qos_policy_current_name": "another policy has this name",
    "uq_mirror_current_name": "another mirror has this name",
    "uq_flow_export_current_name": "another export of flows has this name",
    "uq_host_current_vtep_ipv4": "another host has this IPv4 VTEP",
    "uq_host_current_vtep_ipv6": "another host has this IPv6 VTEP",
    "uq_segment_current_vni": "another segment has this VNI",
    "pk_vni_allocation": "another segment has this VNI, or a host still carries it",
    "uq_bridge_current_interface": "another bridge on the host has this interface name",
    "uq_port_current_interface": "another port on the host has this interface name",
    "uq_api_token_name": "another token has this name",
    "uq_webhook_name": "another webhook has this name",
}


def conflict(error: IntegrityError) -> DomainError | None:
    """The domain error that a broken constraint stands for; None: it is a fault of our own."""
    if not isinstance(error.orig, psycopg.IntegrityError):
        return None
    name = error.orig.diag.constraint_name
    return ConflictError(f"{MESSAGES[name]}: choose another") if name in MESSAGES else None
