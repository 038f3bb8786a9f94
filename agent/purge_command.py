"""``ovsfleet-agent purge``: shows what it would take away, and with ``--yes`` does it.

Knows how to ask and to answer a person; what goes is ``agent.purge``'s to say.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable
from dataclasses import dataclass

from agent import daemon, purge
from agent.config import Settings
from agent.controlplane.identity import IdentityStore
from agent.controlplane.whereabouts import Whereabouts
from agent.host import adapters, boot_id, observe
from agent.model import HostState
from agent.netlink.known_ways import KnownWays
from agent.planner.owners import fleets_here
from agent.purge import Preview

SOMETHING = 2
"""Exit status when there is something to take away and ``--yes`` was not given."""
LEFT_OVER = 1
"""Exit status when something is left after ``--yes``."""
_PATIENCE_S = 5.0
_IDENTITY_FILES = ("identity.json", "key.pem", "cert.pem", "ca.pem")


class PurgeError(Exception):
    """Nothing was done; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Wish:
    fleet: str = ""
    yes: bool = False
    as_json: bool = False
    identity: bool = False
    force: bool = False
    """Also where that may cut the way to this host."""
    asked_from: str = ""
    """The address of the machine from which a person asks; empty: from this one."""


async def run(settings: Settings, wish: Wish, say: Callable[[str], None]) -> int:
    """The exit status. Nothing is changed before it was said what."""
    if not wish.yes:
        return await _run(settings, wish, say)
    try:
        with daemon.only_instance(settings.state_dir):
            return await _run(settings, wish, say)
    except daemon.StartError as error:
        raise PurgeError(
            f"{error}. What is purged while the agent runs it makes again: stop it first (where "
            "systemd runs it: systemctl disable --now ovsfleet-agent)"
        ) from error


async def _run(settings: Settings, wish: Wish, say: Callable[[str], None]) -> int:
    cached = daemon.open_cache(settings).load()
    accepted = cached.state if cached is not None else None
    fleet = _fleet(settings, wish, accepted)
    ovsdb, kernel = adapters(
        settings.ovsdb_remote,
        destinations=lambda: _ends(settings, wish),
        ways=KnownWays(settings.state_dir, boot_id(), is_read_only=True),
    )
    await kernel.open()
    ovsdb.open()
    try:
        await ovsdb.ready(_PATIENCE_S)
        sighting = await observe(ovsdb, kernel, None)
        if not fleet:
            raise PurgeError(_no_fleet(fleets_here(sighting.state)))
        known = accepted if accepted is not None and accepted.fleet_uid == fleet else None
        found = purge.preview(fleet, known, sighting)
        say(_previewed(found, wish))
        if found.is_empty or not wish.yes:
            status = 0 if found.is_empty else SOMETHING
        elif found.may_cut and not wish.force:
            raise PurgeError(_would_cut())
        else:
            left = await purge.purge(
                fleet,
                known,
                ovsdb,
                kernel,
                deadline_s=settings.apply_deadline_s,
                may_cut=wish.force,
            )
            say(_done(left, wish))
            status = 0 if left.is_empty else LEFT_OVER
    finally:
        await ovsdb.close()
        await kernel.close()
    if wish.identity and wish.yes and status == 0:
        _forget(settings)
        if not wish.as_json:
            say(f"identity and accepted state in {settings.state_dir} are deleted")
    return status


def _ends(settings: Settings, wish: Wish) -> frozenset[str]:
    """Whom this host is to be able to answer afterwards."""
    own = frozenset({wish.asked_from}) if wish.asked_from else frozenset[str]()
    return Whereabouts(settings.state_dir).addresses | own


def ssh_peer(connection: str) -> str:
    """The other machine's address in what sshd(8) sets as SSH_CONNECTION; empty if it has none."""
    address = connection.partition(" ")[0].partition("%")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return ""


def _would_cut() -> str:
    return (
        "nothing was changed: it may cut the way to this host, and nothing would undo that; "
        "have the host reached over something else first, or be at its console and give --force"
    )


def _fleet(settings: Settings, wish: Wish, accepted: HostState | None) -> str:
    identity = IdentityStore(settings.identity_dir).load()
    own = identity.profile.fleet_uid if identity is not None else ""
    own = own or (accepted.fleet_uid if accepted is not None else "")
    if own and wish.fleet and wish.fleet != own:
        raise PurgeError(
            f"{settings.state_dir} belongs to fleet {own}, and --fleet names another one; give "
            "--state-dir a directory without an identity to purge what that one left"
        )
    return own or wish.fleet


def _no_fleet(found: frozenset[str]) -> str:
    named = ", ".join(sorted(found)) or "no fleet"
    return (
        "the state directory has no identity; say with --fleet UID whose things shall go (on this "
        f"host are marks of: {named})"
    )


def _previewed(found: Preview, wish: Wish) -> str:
    if wish.as_json:
        return json.dumps({**found.document(), "done": False})
    if found.is_empty:
        return f"nothing of fleet {found.fleet} is on this host"
    head = f"of fleet {found.fleet} on this host, this goes (adopted things as well):"
    how = "--yes --force" if found.may_cut else "--yes"
    foot = "" if wish.yes else f"\nnothing was changed; {how} does it"
    return "\n".join((head, *found.lines())) + foot


def _done(left: Preview, wish: Wish) -> str:
    if wish.as_json:
        return json.dumps({**left.document(), "done": True})
    if left.is_empty:
        return f"done: nothing of fleet {left.fleet} is left on this host"
    return "\n".join(("done, but for what is left:", *left.lines()))


def _forget(settings: Settings) -> None:
    for name in _IDENTITY_FILES:
        (settings.identity_dir / name).unlink(missing_ok=True)
    for path in settings.state_dir.glob("state.bin*"):
        path.unlink()
