"""The fleet at a glance, what needs a person, what was found, and who asks."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from controller.client.documents import Document, age, plain, utc_now
from controller.client.kinds import DEFAULT_PROJECT, HOST, KINDS, word_of
from controller.client.output import say
from controller.client.rest import PAGE_SIZE, Api
from controller.client.tables import PHASE_STYLES, console, print_rows

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
    found, total = read_attention(api, {}, _SHOWN)
    if found:
        out.print(Text("\nNeeds attention", style="bold"))
        _print_items(found, total)


def read_attention(
    api: Api, wanted: Mapping[str, str | None], limit: int
) -> tuple[list[Document], int]:
    """The most urgent of what is wanted, at most ``limit``, and how much there is in all."""
    found: list[Document] = []
    token: str | None = None
    while True:
        size = min(PAGE_SIZE, limit - len(found))
        page = api.get("/v1/attention", **wanted, page_size=size, page_token=token)
        found += page["items"]
        token = page["next_page_token"] or None
        if token is None or len(found) >= limit:
            return found, page["total"]


def print_attention(found: Sequence[Document], total: int) -> None:
    if found:
        _print_items(found, total)
    else:
        say("All of it is as intended.")


def _print_items(found: Sequence[Document], total: int) -> None:
    """With the way out in a line below: both are sentences, for which a table is too narrow."""
    from rich.text import Text

    out, now = console(), utc_now()
    for item in found:
        phase, since = item["phase"], age(item["since"], now)
        out.print(
            Text(f"  {_name(item)} ")
            + Text(phase, style=PHASE_STYLES.get(phase, ""))
            + Text(f" for {since}, {plain(item['reason'])}: {plain(item['message'])}")
        )
        out.print(Text(f"    {plain(item['fix'])}"))
    if total > len(found):
        out.print(Text(f"  … and {total - len(found)} more: `ovsfleet attention -n {total}`"))


def _name(item: Document) -> str:
    """``port/web-1``, with what tells apart what may be called the same."""
    name = f"{word_of(item['kind'])}/{plain(item['name'])}"
    if item["project"] != DEFAULT_PROJECT:
        name += f" of project {plain(item['project'])}"
    is_elsewhere = item["host"] is not None and item["kind"] != HOST.name
    return f"{name} on host/{plain(item['host'])}" if is_elsewhere else name


def print_principal(found: Document) -> None:
    may = found["may"]
    also = [word for word in ("enrol", "inspect", "operate") if may[word]]
    projects = "all" if found["projects"] is None else found["projects"]
    facts = {
        "name": found["name"],
        "roles": found["roles"],
        "projects": projects,
        "expires": found["expires_at"] or "never",
        "reads": may["read"],
        "writes": may["write"],
        "may also": also,
    }
    for word, value in facts.items():
        sys.stdout.write(f"{word:<9} {plain(value)}\n")


def print_found(found: Document) -> None:
    rows = [
        [
            word_of(item["kind"]),
            plain(item["name"]),
            plain(item["project"]),
            plain(item["host"]),
            item["phase"],
            f"{item['matched']['field']} {plain(item['matched']['value'])}",
        ]
        for item in found["items"]
    ]
    if not rows:
        say("Nothing is called so, or has it.")
        return
    print_rows(["KIND", "NAME", "PROJECT", "HOST", "PHASE", "FOUND BY"], rows)
    if found["truncated"]:
        say("… and more: search for more letters, or for one --kind")
