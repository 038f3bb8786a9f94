"""How hard properties are tried: moderately, or as HYPOTHESIS_PROFILE says.

Moderately is the same examples in every run, so that a run says something of the change that is
tried and of nothing else. ``make test-properties`` searches among others, more of them.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

_EXAMPLES = int(os.environ.get("EXAMPLES", "640"))

settings.register_profile(
    "moderate", max_examples=80, deadline=None, suppress_health_check=_SLOW, derandomize=True
)
settings.register_profile(
    "thorough",
    parent=settings.get_profile("moderate"),
    max_examples=_EXAMPLES,
    derandomize=False,
    print_blob=True,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "moderate"))
