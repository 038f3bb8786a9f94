"""Statistics put together: who reads the counters, who keeps them, who sends them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from agent.clock import Clock
from agent.controlplane.identity import IdentityStore
from agent.controlplane.stats_client import StatsClient
from agent.controlplane.stats_queue import ReportQueue
from agent.model import HostState
from agent.observability import Metrics
from agent.observed import OvsBridge
from agent.ovsdb.statistics import SwitchStatistics
from agent.stats.collector import Collector, current_life
from agent.stats.subjects import LocalVteps, bound_rows, bridged_cards, uplinks


class Statistics:
    """``collector`` and ``client`` are to be run as long as the agent; neither needs the other.

    ``remote`` is None on a host without Open vSwitch. ``bridges`` are those that were seen last.
    """

    def __init__(
        self,
        store: IdentityStore,
        *,
        owner: str,
        nonce: str,
        endpoint: str,
        remote: str | None,
        state: Callable[[], HostState | None],
        max_reports: int,
        clock: Clock,
        metrics: Metrics,
        rng: random.Random,
    ) -> None:
        self._owner = owner
        self._state = state
        self._vteps = LocalVteps()
        self.bridges: Mapping[str, OvsBridge] = {}
        queue = ReportQueue(max_reports)
        metrics.watch_queue(lambda: len(queue), lambda: queue.dropped)
        self.client = StatsClient(
            store, queue, endpoint=endpoint, nonce=nonce, clock=clock, metrics=metrics, rng=rng
        )
        self.collector = Collector(
            queue,
            owner=owner,
            life=current_life(),
            switch=None if remote is None else SwitchStatistics(remote, owner, self._bound_rows),
            vteps=self._local_vteps,
            cards=lambda: bridged_cards(self._state()),
            uplinks=self._uplinks,
            is_wanted=lambda: self.client.is_wanted,
            clock=clock,
            metrics=metrics,
            rng=rng,
        )

    def _local_vteps(self) -> frozenset[str]:
        return self._vteps.of(self._state())

    def _bound_rows(self) -> dict[str, str]:
        return bound_rows(self.bridges, self._owner)

    def _uplinks(self, device: str) -> Iterator[str]:
        return uplinks(self.bridges, device)
