"""No garbage collection while pandas, the engine and this package are imported.

Imports leave hardly any garbage, but make so many objects that the collector goes through all
of them again and again, for a tenth of the time.
"""

from __future__ import annotations

import gc

_collected = gc.isenabled()
gc.disable()


def resume() -> None:
    """Collects again, if it was done before."""
    if _collected:
        gc.enable()
