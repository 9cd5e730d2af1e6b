"""Settings that hold for every test: reproducible properties, no windows, no phone calls."""

import os

from hypothesis import HealthCheck, settings

# Before the first import of matplotlib, pygame or ray, also in the processes that tests start.
os.environ["MPLBACKEND"] = "Agg"
os.environ["SDL_VIDEODRIVER"] = "dummy"
os.environ["SDL_AUDIODRIVER"] = "dummy"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"  # ray warns on 2.5x about its new default
# A cluster that happens to run on this machine is none of the tests' business.
os.environ.pop("RAY_ADDRESS", None)

# The same examples on every run: a failure found once is found again, and CI cannot flicker.
settings.register_profile(
    "reproducible",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
# `--hypothesis-profile=search` looks for new examples, in make test-slow.
settings.register_profile(
    "search", deadline=None, max_examples=1000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("reproducible")
