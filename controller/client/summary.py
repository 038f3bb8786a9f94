"""``ovsfleet status``: the fleet at a glance, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterator

from controller.client.documents import Document, plain, reason_of
from controller.client.kinds import HOST, KINDS
from controller.client.rest import Api
from controller.client.tables import console, print_rows

_PHASES = ("ready", "pending", "degraded", "failed", "unknown")
_SHOWN = 20


def print_summary(api: Api) -> None:
    from rich.text import Text

    fleet = api.get("/v1/fleet")
    out = console()
    out.print(
        Text(
            f"fleet {plain(fleet['fleet_uid'])}, "
            f"epoch {fleet['epoch']}, revision {fleet['revision']}\n"
        )
    )
    counted = [kind.collection for kind in KINDS if kind.collection in fleet]
    print_rows(
        ["", "TOTAL", *(phase.upper() for phase in _PHASES)],
        [
            [name, str(fleet[name]["total"]), *(str(fleet[name][p]) for p in _PHASES)]
            for name in counted
        ],
    )
    if any(fleet[name]["total"] > fleet[name]["ready"] for name in counted):
        out.print(Text("\nNeeds attention", style="bold"))
        _print_unready(api)


def _print_unready(api: Api) -> None:
    from rich.text import Text

    out = console()
    for shown, (name, reason) in enumerate(_unready(api)):
        if shown == _SHOWN:
            out.print(Text("  … and more: `ovsfleet get KIND -o wide` lists all"))
            return
        out.print(Text(f"  {name}: {reason}"))


def _unready(api: Api) -> Iterator[tuple[str, str]]:
    """Hosts first: what ails a host ails everything on it."""
    for kind in (HOST, *(kind for kind in KINDS if kind is not HOST)):
        document: Document
        for document in api.objects(kind.collection):
            if document["status"]["phase"] != "Ready":
                name = f"{kind.word}/{plain(document['metadata']['name'])}"
                yield name, plain(reason_of(document))
