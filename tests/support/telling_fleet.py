"""A fleet whose webhooks go to a real receiver."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from controller.domain.intent import Manifest
from controller.domain.webhooks import Event
from controller.jobs.webhooks import Lanes
from controller.services import webhook_deliveries, webhook_events, webhooks
from controller.services.webhooks import View, Wanted
from controller.store.engine import Database
from tests.support.manifests import ADMIN, apply
from tests.support.receiver import Receiver
from tests.support.reports import ReportingHost


class TellingFleet:
    """A database, a receiver and what stands between them."""

    def __init__(self, db: Database, to: Receiver) -> None:
        self.db = db
        self.to = to
        self.lanes = Lanes(db, allow_loopback=True)
        self.secret = ""

    def hook(self, *events: Event, name: str = "ops", **fields: Any) -> View:
        wanted = Wanted(name, fields.pop("url", self.to.url), frozenset(events), **fields)
        view, self.secret = webhooks.create(
            self.db, ADMIN, wanted, allow_loopback=True, now=datetime.now(UTC), request_id="test"
        )
        return view

    def fan_out(self) -> int:
        return webhook_events.fan_out(self.db, now=datetime.now(UTC))

    def tell(self, hook: View) -> list[tuple[str, str]]:
        """Everything that is new to the receiver, by now."""
        known = len(self.to.received)
        self.fan_out()
        self.lanes.deliver(hook.uid)
        return self.to.events[known:]

    def take(self, hook: View, *, later: timedelta = timedelta()) -> webhook_deliveries.Claimed:
        lease, now = timedelta(seconds=1), datetime.now(UTC) + later
        taken = webhook_deliveries.take(self.db, hook.uid, lease=lease, now=now)
        assert taken is not None
        return taken

    def history(self, hook: View) -> list[webhooks.Delivery]:
        return webhooks.newest(self.db, ADMIN, hook.name)

    def enrolled(self, manifest: Manifest) -> ReportingHost:
        (made,) = apply(self.db, manifest).results
        return ReportingHost(self.db, str(made.uid))
