"""Every operation of the API that the client uses: its address, its parameters, its method.

The only place where a path is written. A call can send nothing that its operation does not name
here, and a test holds this table against the OpenAPI document, in both directions. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter

IF_MATCH = "If-Match"
IDEMPOTENCY_KEY = "Idempotency-Key"

_KEY = frozenset({IDEMPOTENCY_KEY})
_MATCH = frozenset({IF_MATCH})
_PROJECT = frozenset({"project"})
_PAGES = frozenset({"page_size", "page_token"})
_WAIT = frozenset({"wait", "timeout"})
_CHOICE = frozenset({"project", "label_selector", "filter", "order_by"})
_RANGE = frozenset({"from", "to", "step"})
_FORCE = frozenset({"force"})
_NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    """``operationId`` of the OpenAPI document."""
    call: str
    """The method of ``Fleet`` that sends it, such as ``ports.get``."""
    method: str
    path: str
    query: frozenset[str] = _NOTHING
    headers: frozenset[str] = _NOTHING

    @property
    def placeholders(self) -> frozenset[str]:
        return frozenset(name for _, name, _, _ in Formatter().parse(self.path) if name)

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice is doing it once."""
        return self.method == "GET" or IDEMPOTENCY_KEY in self.headers


def _collection(many: str, one: str, *, on_hosts: bool = False) -> Iterator[Operation]:
    path = many.replace("_", "-")
    all_of_them, each = f"/v1/{path}", f"/v1/{path}/{{name_or_uid}}"
    choice = _PAGES | _CHOICE | ({"host"} if on_hosts else _NOTHING)
    change = {"query": _PROJECT, "headers": _KEY | _MATCH}
    yield Operation(f"list_{many}", f"{many}.list", "GET", all_of_them, query=choice)
    yield Operation(f"create_{one}", f"{many}.create", "POST", all_of_them, headers=_KEY)
    yield Operation(f"get_{one}", f"{many}.get", "GET", each, query=_PROJECT)
    yield Operation(f"replace_{one}", f"{many}.replace", "PUT", each, **change)
    yield Operation(f"patch_{one}", f"{many}.patch", "PATCH", each, **change)
    yield Operation(f"delete_{one}", f"{many}.delete", "DELETE", each, **change)
    yield Operation(
        f"get_{one}_realization",
        f"{many}.realization",
        "GET",
        f"{each}/realization",
        query=_PROJECT | _WAIT,
    )
    yield Operation(
        f"list_{one}_history", f"{many}.history", "GET", f"{each}/history", query=_PROJECT | _PAGES
    )


def _of_hosts() -> Iterator[Operation]:
    host = "/v1/hosts/{name_or_uid}"
    yield Operation("get_desired_state", "hosts.desired_state", "GET", f"{host}/desired-state")
    seen = f"{host}/observed"
    yield Operation("get_observed", "hosts.observed", "GET", seen, query=frozenset({"resource"}))
    yield Operation("list_failures", "hosts.failures", "GET", f"{host}/failures")
    narrowed = _PAGES | {"q", "remote", "id"}
    yield Operation("list_host_tunnels", "hosts.tunnels", "GET", f"{host}/tunnels", query=narrowed)
    yield Operation("list_current_rates", "hosts.rates", "GET", f"{host}/rates")
    yield Operation("create_join_token", "hosts.create_join_token", "POST", f"{host}/join-tokens")
    drift = f"{host}/drift-events"
    yield Operation("list_host_drift_events", "hosts.drift_events", "GET", drift, query=_PAGES)
    yield Operation("release_host", "hosts.release", "POST", f"{host}/release", headers=_KEY)
    yield Operation("adopt_on_host", "hosts.adopt", "POST", f"{host}/adopt", headers=_KEY)
    back = f"{host}/withdraw"
    yield Operation("withdraw_grants", "hosts.withdraw", "POST", back, headers=_KEY)
    yield Operation("get_grants", "hosts.grants", "GET", f"{host}/grants")
    yield Operation("replace_machine", "hosts.replace_machine", "POST", f"{host}/replace")
    leave = f"{host}/decommission"
    yield Operation("decommission_host", "hosts.decommission", "POST", leave, headers=_KEY)
    yield Operation("get_inventory", "hosts.inventory", "GET", f"{host}/inventory")
    yield Operation("get_host_stats", "stats", "GET", f"{host}/stats", query=_RANGE | {"subject"})


def _of_definitions() -> Iterator[Operation]:
    usage, hosts = "/v1/pools/{name_or_uid}/usage", "/v1/host-groups/{name_or_uid}/hosts"
    yield Operation("get_pool_usage", "pools.usage", "GET", usage, query=_PAGES)
    yield Operation("list_host_group_hosts", "host_groups.hosts", "GET", hosts, query=_PAGES)


def _of_segments() -> Iterator[Operation]:
    path = "/v1/segments/{name_or_uid}/tunnels"
    query = _PROJECT | _PAGES | {"host"}
    yield Operation("list_segment_tunnels", "segments.tunnels", "GET", path, query=query)


def _stats() -> Iterator[Operation]:
    for many, one in (("ports", "port"), ("tunnels", "tunnel"), ("segments", "segment")):
        path = f"/v1/{many}/{{name_or_uid}}/stats"
        yield Operation(f"get_{one}_stats", "stats", "GET", path, query=_RANGE | _PROJECT)


def _of_the_fleet() -> Iterator[Operation]:
    choice = _PROJECT | {"kind", "label_selector", "name"}
    yield Operation(
        "find_interfaces",
        "find_interfaces",
        "GET",
        "/v1/inventory/interfaces",
        query=frozenset({"iface_id"}),
    )
    yield Operation(
        "list_drift_events",
        "drift_events",
        "GET",
        "/v1/drift-events",
        query=_PROJECT | _PAGES | {"host", "kind", "name", "since", "action"},
    )
    yield Operation(
        "list_changes",
        "changes",
        "GET",
        "/v1/changes",
        query=_PROJECT | _PAGES | {"kind", "name", "principal", "since", "until"},
    )
    yield Operation(
        "list_events",
        "events",
        "GET",
        "/v1/events",
        query=_PROJECT | _PAGES | {"host", "kind", "name", "type", "severity", "since", "until"},
    )
    yield Operation("get_fleet", "summary", "GET", "/v1/fleet")
    yield Operation(
        "get_topology",
        "topology",
        "GET",
        "/v1/topology",
        query=_PROJECT | {"group_by", "segment", "label_selector", "within", "meshes"},
    )
    yield Operation("get_whoami", "whoami", "GET", "/v1/whoami")
    listed = _PROJECT | {"kind", "host"} | _PAGES
    yield Operation("list_attention", "attention", "GET", "/v1/attention", query=listed)
    sought = _PROJECT | {"q", "kind", "page_size"}
    yield Operation("search", "search", "GET", "/v1/search", query=sought)
    yield Operation("apply", "apply", "POST", "/v1/apply", query=_FORCE, headers=_KEY)
    yield Operation("delete_objects", "delete", "POST", "/v1/delete", headers=_KEY)
    yield Operation("diff", "diff", "POST", "/v1/diff")
    yield Operation("export_objects", "export", "GET", "/v1/export", query=choice)
    yield Operation("get_revision", "revision", "GET", "/v1/revisions/{revision}", query=_WAIT)
    yield Operation(
        "watch", "watch", "GET", "/v1/watch", query=frozenset({"from_revision", "statuses"})
    )


def _webhooks() -> Iterator[Operation]:
    hook = "/v1/webhooks/{name}"
    yield Operation("list_webhooks", "webhooks.list", "GET", "/v1/webhooks", query=_PAGES)
    yield Operation("create_webhook", "webhooks.create", "POST", "/v1/webhooks")
    yield Operation("get_webhook", "webhooks.get", "GET", hook)
    yield Operation("replace_webhook", "webhooks.replace", "PUT", hook, headers=_MATCH)
    yield Operation("delete_webhook", "webhooks.delete", "DELETE", hook, headers=_MATCH)
    yield Operation("test_webhook", "webhooks.test", "POST", f"{hook}/test")
    yield Operation("list_webhook_deliveries", "webhooks.deliveries", "GET", f"{hook}/deliveries")


OPERATIONS: Mapping[str, Operation] = {
    operation.id: operation
    for group in (
        _collection("hosts", "host"),
        _collection("bridges", "bridge", on_hosts=True),
        _collection("segments", "segment"),
        _collection("ports", "port", on_hosts=True),
        _collection("tunnels", "tunnel", on_hosts=True),
        _collection("pools", "pool"),
        _collection("transport_zones", "transport_zone"),
        _collection("host_groups", "host_group"),
        _collection("tunnel_profiles", "tunnel_profile"),
        _collection("qos_policies", "qos_policy"),
        _collection("mirrors", "mirror", on_hosts=True),
        _collection("flow_exports", "flow_export"),
        _of_hosts(),
        _of_definitions(),
        _of_segments(),
        _stats(),
        _of_the_fleet(),
        _webhooks(),
    )
    for operation in group
}
"""By id."""
