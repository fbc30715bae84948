"""Whether a name stands twice in one object of a JSON text: readers of JSON keep the last value and say nothing."""

import re
from typing import Any

_SPACED = re.compile(rb'"[ \t\n\r]+:')


class RepeatedNames:
    """An `object_pairs_hook` for `json.loads` that notes in `found` whether there was one."""

    def __init__(self) -> None:
        self.found = False

    def __call__(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """The object of these names and values."""
        made = dict(pairs)
        self.found |= len(made) < len(pairs)
        return made


def may_space_names(raw: bytes) -> bool:
    """Whether there may be space between a name and its colon: then a name is missed by who counts `":`."""
    # Hardly a client writes so, and to look for one character costs next to nothing.
    is_possible = b" :" in raw or b"\n" in raw or b"\t" in raw or b"\r" in raw
    return is_possible and _SPACED.search(raw) is not None
