"""``ovsfleet inventory`` and ``find-interface``: what hosts have that is not the fleet's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from urllib.parse import quote

from controller.client.documents import Document, age, plain, utc_now
from controller.client.output import say
from controller.client.rest import Api
from controller.client.tables import print_rows


def read(api: Api, host: str) -> Document:
    return api.get(f"/v1/hosts/{quote(host, safe='')}/inventory")


def find(api: Api, iface_id: str) -> list[Document]:
    found: list[Document] = api.get("/v1/inventory/interfaces", iface_id=iface_id)["items"]
    return found


def print_inventory(found: Document) -> None:
    if found["received_at"] is None:
        say("The host has told nothing of this yet.")
        return
    say(f"As the host told {age(found['received_at'], utc_now())} ago. None of it is the fleet's.")
    _print_capabilities(found["capabilities"])
    _print_bridges(found["bridges"], found["ports_total"])
    _print_links(found["links"], found["links_total"])


def _print_capabilities(can: Document) -> None:
    rows = [
        ["Open vSwitch", can["ovs_version"] or "none"],
        ["datapaths", ", ".join(can["datapath_types"])],
        ["interface types", ", ".join(can["iface_types"])],
        ["missing columns", ", ".join(can["missing_columns"]) or "none"],
        ["kernel", can["kernel_release"]],
        ["kernel features", ", ".join(can["kernel_features"])],
        ["agent understands", ", ".join(can.get("state_features", ()))],
        ["agent can be asked", ", ".join(can.get("session_features", ()))],
        ["addresses", ", ".join(word for word in ("ipv4", "ipv6") if can[word])],
    ]
    print_rows(["THE HOST HAS", ""], [[name, plain(value)] for name, value in rows])


def _print_bridges(bridges: Iterable[Document], total: int) -> None:
    rows = [
        [
            plain(bridge["name"]) + (" (the fleet's)" if bridge["is_ours"] else ""),
            plain(port["name"]),
            str(port["tag"] or "-"),
            plain(", ".join(_interface(each) for each in port["interfaces"])),
        ]
        for bridge in bridges
        for port in bridge["ports"] or [{"name": "-", "tag": 0, "interfaces": []}]
    ]
    if rows:
        print_rows(["BRIDGE", "FOREIGN PORT", "TAG", "INTERFACES"], rows)
        _tell_of_more(total, sum(row[1] != "-" for row in rows), "ports")


def _interface(interface: Document) -> str:
    said = [interface["type"] or "system"]
    said += [f"iface-id {interface['iface_id']}"] if interface["iface_id"] else []
    said += ["bound"] if interface.get("bound") else []
    said += [f"to {interface['remote_ip']}"] if interface["remote_ip"] else []
    said += [interface["error"]] if interface["error"] else []
    return f"{interface['name']} ({', '.join(said)})"


def _print_links(links: Sequence[Document], total: int) -> None:
    rows = [
        [
            plain(link["name"]),
            plain(link["kind"] or "card"),
            "up" if link["up"] else "down",
            str(link["mtu"]),
            plain(link["master"] or "-"),
            plain(", ".join(link["addresses"]) or "-"),
        ]
        for link in links
    ]
    if rows:
        print_rows(["DEVICE", "KIND", "STATE", "MTU", "MASTER", "ADDRESSES"], rows)
        _tell_of_more(total, len(rows), "devices")


def _tell_of_more(total: int, shown: int, what: str) -> None:
    if total > shown:
        say(f"There are {total - shown} more {what} than a host tells of.")


def print_plugged(found: Sequence[Document]) -> None:
    if not found:
        say("No host tells of an interface with that iface-id.")
        return
    fields = ("host", "bridge", "port", "interface", "attached_mac")
    rows = [[plain(each[field] or "-") for field in fields] for each in found]
    print_rows([field.upper().replace("_", " ") for field in fields], rows)
