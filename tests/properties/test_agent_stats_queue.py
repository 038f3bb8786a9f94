"""Whatever is lost, repeated or cut: each report arrives, in order, or is counted as dropped."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.controlplane.stats_queue import ReportQueue

MAX_REPORTS, MAX_BYTES = 4, 40


class ReportsOnTheirWay(RuleBasedStateMachine):
    """A queue, the stream that empties it, and a controller that stores what comes."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = ReportQueue(MAX_REPORTS, MAX_BYTES)
        self.made = 0
        self.position = 0
        self.on_the_wire: list[int] = []
        self.stored: list[int] = []
        self.acknowledgements: list[int] = []

    @rule(size=st.integers(0, 60))
    def make(self, size: int) -> None:
        self.made += 1
        self.queue.append(b"x" * size, read_at=float(self.made))

    @rule()
    def send(self) -> None:
        report = self.queue.next_after(self.position)
        if report is not None:
            self.position = report.sequence
            self.on_the_wire.append(report.sequence)

    @precondition(lambda self: self.on_the_wire)
    @rule()
    def arrive(self) -> None:
        sequence = self.on_the_wire.pop(0)
        if sequence > (self.stored[-1] if self.stored else 0):
            self.stored.append(sequence)
        self.acknowledgements.append(self.stored[-1])

    @precondition(lambda self: self.acknowledgements)
    @rule(lost=st.booleans())
    def answer(self, lost: bool) -> None:
        sequence = self.acknowledgements.pop(0)
        if not lost:
            self.queue.acknowledge(sequence)

    @rule()
    def cut_the_stream(self) -> None:
        """Also what a restart of the controller is: what it stored, it still has."""
        self.on_the_wire.clear()
        self.acknowledgements.clear()
        self.position = 0

    @invariant()
    def the_queue_is_bounded(self) -> None:
        kept = self._kept()
        assert len(kept) == len(self.queue) <= MAX_REPORTS
        assert len(kept) <= 1 or sum(kept) <= MAX_BYTES

    @invariant()
    def what_never_arrives_is_counted(self) -> None:
        """Every report is stored, still kept, or dropped."""
        kept = set(self._kept_sequences())
        assert kept == set(range(self.queue.first_sequence, self.made + 1))
        gone = set(range(1, self.made + 1)) - kept - set(self.stored)
        assert len(gone) <= self.queue.dropped
        assert self.queue.dropped + len(kept) <= self.made

    def teardown(self) -> None:
        """On a stream that holds, everything that is kept arrives, in order."""
        self.cut_the_stream()
        while len(self.queue):
            self.send()
            self.arrive()
            self.answer(lost=False)
        assert self.stored == sorted(set(self.stored))
        assert self.made - len(self.stored) <= self.queue.dropped

    def _kept_sequences(self) -> list[int]:
        found: list[int] = []
        while (report := self.queue.next_after(found[-1] if found else 0)) is not None:
            found.append(report.sequence)
        return found

    def _kept(self) -> list[int]:
        reports = (self.queue.next_after(each - 1) for each in self._kept_sequences())
        return [len(report.content) for report in reports if report is not None]


TestReportsOnTheirWay = ReportsOnTheirWay.TestCase
