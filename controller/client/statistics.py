"""``ovsfleet stats`` and ``top``: rates as the controller keeps them, for a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from controller.client.documents import Document, plain, utc_now
from controller.client.failures import CommandError, ExitCode
from controller.client.kinds import HOST, KINDS, PORT, SEGMENT, TUNNEL, KindInfo, word_of
from controller.client.output import say
from controller.client.rest import Api, Choice
from controller.client.tables import print_rows

_COUNTED = (HOST, SEGMENT, PORT, TUNNEL)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_BARS = "▁▂▃▄▅▆▇█"
_TROUBLE = ("errors", "dropped", "carrier", "collisions")


def read(api: Api, kind: KindInfo, name: str, project: str | None, since: str) -> Document:
    if kind not in _COUNTED:
        known = ", ".join(each.collection for each in _COUNTED)
        raise CommandError(
            f"Nothing is counted for {kind.collection}.", hint=f"There are statistics of {known}."
        )
    path = f"/v1/{kind.collection}/{quote(name, safe='')}/stats"
    scope = {} if kind is HOST else {"project": project}
    return api.get(path, **{"from": beginning(since)}, **scope)


def beginning(since: str) -> str:
    """The moment from which on one looks, as the API wants it."""
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", since)
    try:
        if found:
            return (utc_now() - timedelta(**{_UNITS[found[2]]: int(found[1])})).isoformat()
    except OverflowError:
        pass
    raise CommandError(
        f"{since!r} is no time to look back.",
        hint="Write 90s, 15m, 6h or 7d.",
        exit_code=ExitCode.DIFFERENT,
    )


def print_statistics(found: Document) -> None:
    of = found["object"]
    say(
        f"{word_of(of['kind'])}/{plain(of['name'])} from {found['from']} to {found['to']},"
        f" each bar {found['step_seconds']} s or more ({found['resolution']})"
    )
    rows = [
        _row(series, counter, values)
        for series in found["series"]
        for counter, values in sorted(series["rates"].items())
        if _is_told(counter, values)
    ]
    if rows:
        print_rows(["SERIES", "HOST", "COUNTER", "NOW", "MEAN", "PEAK", "COURSE"], rows)
    else:
        say("Nothing was heard in that time.")


def _is_told(counter: str, values: Sequence[float | None]) -> bool:
    """Trouble only where there is any; traffic wherever it was heard of."""
    heard = [value for value in values if value is not None]
    return bool(heard) and (any(heard) or not any(word in counter for word in _TROUBLE))


def _row(series: Document, counter: str, values: Sequence[float | None]) -> list[str]:
    heard = [value for value in values if value is not None]
    mean = sum(heard) / len(heard)
    return [
        plain(series["device"] or series["name"]),
        plain(series["host"] or "-"),
        counter,
        rate(counter, heard[-1]),
        rate(counter, mean),
        rate(counter, max(heard)),
        course(values),
    ]


def rate(counter: str, per_second: float) -> str:
    """Bytes as bits, which is how links are sold."""
    is_bytes = counter.endswith("bytes")
    value, unit = (per_second * 8, "bit/s") if is_bytes else (per_second, "/s")
    for prefix in ("", "k", "M", "G", "T"):
        if value < 1000 or prefix == "T":
            break
        value /= 1000
    digits = 0 if value >= 100 or value == int(value) else 1
    return f"{value:.{digits}f} {prefix}{unit}"


def course(values: Sequence[float | None], width: int = 30) -> str:
    """The values as bars, the newest last, each the largest of its share; a gap where none is."""
    share = -(-len(values) // width) or 1
    parts = [values[at : at + share] for at in range(0, len(values), share)]
    largest = [max((v for v in part if v is not None), default=None) for part in parts]
    top = max((value for value in largest if value is not None), default=0.0)
    return "".join(_bar(value, top) for value in largest)


def _bar(value: float | None, top: float) -> str:
    if value is None:
        return " "
    return _BARS[round(value / top * (len(_BARS) - 1))] if top else _BARS[0]


def busiest(api: Api, host: str, limit: int) -> list[Document]:
    """What carries the most bytes, both directions together."""
    items: list[Document] = api.get(f"/v1/hosts/{quote(host, safe='')}/rates")["items"]
    names = _names(api, host, items)
    ranked = sorted(items, key=lambda item: -_bytes(item["rates"]))[:limit]
    return [{"name": names.get(item["subject"], item["subject"]), **item} for item in ranked]


def _bytes(rates: Mapping[str, float]) -> float:
    return rates.get("rx_bytes", 0.0) + rates.get("tx_bytes", 0.0)


def _names(api: Api, host: str, items: Iterable[Document]) -> dict[str, str]:
    """By resource id, as people call it: one list for each kind of which there is something."""
    ids = {item["subject"] for item in items}
    found: dict[str, str] = {}
    for kind in (each for each in KINDS if each in (PORT, TUNNEL)):
        if any(each.startswith(f"{kind.word}:") for each in ids):
            for document in api.objects(kind.collection, Choice(host=host)):
                metadata: dict[str, Any] = document["metadata"]
                found[f"{kind.word}:{metadata['uid']}"] = f"{kind.word}/{metadata['name']}"
    return found


def print_busiest(items: Sequence[Document]) -> None:
    if not items:
        say("The host has told nothing in the last two minutes.")
        return
    counters = ("rx_bytes", "tx_bytes", "rx_packets", "tx_packets")
    rows = [
        [plain(item["name"]), *(_shown(item["rates"], counter) for counter in counters)]
        for item in items
    ]
    print_rows(["NAME", "RX", "TX", "RX PACKETS", "TX PACKETS"], rows)


def _shown(rates: Mapping[str, float], counter: str) -> str:
    return rate(counter, rates[counter]) if counter in rates else "-"
