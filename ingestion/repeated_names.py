"""Whether a name stands twice in one object of a JSON text: readers of JSON keep the last value and say nothing."""

from typing import Any


class RepeatedNames:
    """An `object_pairs_hook` for `json.loads` that notes in `found` whether there was one."""

    def __init__(self) -> None:
        self.found = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The object of these names and values."""
        made = dict(pairs)
        self.found |= len(made) < len(pairs)
        return made
