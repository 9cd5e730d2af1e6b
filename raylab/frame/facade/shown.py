"""Labels that a lazy object has handed out: the user may give them names (``df.index.name = "id"``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from raylab.frame.facade.state import RangeSpec


@dataclass
class ShownLabels:
    """The index objects of one state, the same ones at each question.

    Attributes:
        state: what they belong to.
        columns: the column labels, once asked for.
        index: the row labels, once asked for and where they are a range.
    """

    state: Any
    columns: pd.Index | None = None
    index: pd.Index | None = None

    def named(self) -> Any:
        """The state with the names that its labels have by now."""
        state = self.state
        if self.columns is not None and self.columns.name != state.columns_name:
            state = replace(state, columns_name=self.columns.name)
        if self.index is not None and self.index.name != state.index.name:
            spec: RangeSpec = state.index
            state = replace(state, index=replace(spec, name=self.index.name))
        self.state = state
        return state


def shown_labels(obj: Any, state: Any) -> ShownLabels:
    """What a lazy object has handed out of this state."""
    shown: ShownLabels | None = obj.__dict__.get("_shown")
    if shown is None or shown.state is not state:
        shown = obj.__dict__["_shown"] = ShownLabels(state)
    return shown
