"""How hard properties are tried: moderately, or as HYPOTHESIS_PROFILE says."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

_SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

settings.register_profile("moderate", max_examples=80, deadline=None, suppress_health_check=_SLOW)
settings.register_profile("thorough", parent=settings.get_profile("moderate"), max_examples=5000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "moderate"))
