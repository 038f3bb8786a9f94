"""What REST says about itself; the names are in ``controller.observability``.

Labels are routes' templates, never paths: the number of series does not grow with the fleet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prometheus_client import Histogram

from controller.observability import Metric

_SECONDS = Histogram(
    Metric.HTTP_SECONDS,
    "Time until an answer begins, by route, method and class of status",
    ["route", "method", "status"],
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def observe(scope: Mapping[str, Any], status: int, seconds: float) -> None:
    """Note an answer. ``scope`` is the request's, after it was routed."""
    method = scope["method"] if scope["method"] in _METHODS else "other"
    _SECONDS.labels(_template(scope), method, f"{status // 100}xx").observe(seconds)


def _template(scope: Mapping[str, Any]) -> str:
    """What no route takes is the dashboard's, or nobody's."""
    return str(getattr(scope.get("route"), "path", "other"))
