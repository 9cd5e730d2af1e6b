"""Ray Data: datasets as references to Arrow tables, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ray.data

from raylab.runtime.tasks import Flow, get, object_store_bytes


def is_dataset(value: Any) -> bool:
    """Whether a value is a dataset of Ray Data."""
    return isinstance(value, ray.data.Dataset)


def arrow_references(dataset: Any) -> list[Any]:
    """Runs a dataset; references to its blocks as Arrow tables, in order."""
    references: list[Any] = dataset.to_arrow_refs()
    return references


def dataset_of(references: Sequence[Any]) -> Any:
    """A dataset over references to Arrow tables."""
    return ray.data.from_arrow_refs(list(references))


def mapped(
    function: Callable[..., Sequence[Any]], references: Sequence[Any], *args: Any, returns: int
) -> list[list[Any]]:
    """Applies a function to each stored value, where it lies.

    Args:
        function: gives so many values; its module can be imported anywhere.
        references: to the values.
        args: further arguments.
        returns: how many values: references to all but the last of them come back.

    Returns:
        a list for each of the values that the function gives; the last one has the values
        themselves.
    """
    flow = Flow(object_store_bytes(), {})
    made = [
        flow.submit(function, reference, *args, returns=returns, nbytes=0, label=function.__name__)
        for reference in references
    ]
    *kept, last = ([row[number] for row in made] for number in range(returns))
    return [*kept, [get(reference, function.__name__) for reference in last]]
