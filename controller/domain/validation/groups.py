"""Host groups: a selector that can be read."""

from __future__ import annotations

from controller.domain.definitions import HostGroupSpec
from controller.domain.errors import InvalidError
from controller.domain.label_selectors import parse_selector
from controller.domain.validation.after import After
from controller.domain.validation.faults import Faults


def check_groups(after: After, faults: Faults) -> None:
    """An empty selector is refused: a group of all hosts is one that somebody forgot to finish."""
    for draft in after.drafts.values():
        if isinstance(draft.spec, HostGroupSpec):
            _check_selector(draft.spec.selector, f"{draft.pointer}/spec/selector", faults)


def _check_selector(selector: str, pointer: str, faults: Faults) -> None:
    try:
        requirements = parse_selector(selector).requirements
    except InvalidError as error:
        (violation,) = error.violations
        faults.invalid(pointer, "invalid_selector", violation.detail, violation.fix)
        return
    if not requirements:
        faults.invalid(
            pointer,
            "invalid_selector",
            "the selector asks for nothing, so that it would match every host",
            "ask for a label, e.g. rack=r1",
        )
