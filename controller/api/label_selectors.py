"""Label selectors as a query parameter has them; the language itself is the domain's."""

from __future__ import annotations

from controller.domain.label_selectors import Requirement, Selector, parse_selector

__all__ = ["Requirement", "Selector", "parse_selector"]
