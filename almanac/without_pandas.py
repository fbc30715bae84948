"""Keeps pandas out of processes that never use it."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType


def leave_pandas_out() -> None:
    """Let pyarrow believe that pandas is not installed, for as long as this process lives.

    pyarrow imports pandas when it first makes an array, only to ask whether what it was given is a series: 0.4 CPU
    seconds and 40 MB. For the main function of a process that has no data frames; in it `to_pandas` fails.
    """
    if "pandas" in sys.modules:
        return
    finder = _NoPandas()
    sys.meta_path.insert(0, finder)
    try:
        import pyarrow as pa

        pa.array([None])  # it looks once, and remembers what it found
    finally:
        sys.meta_path.remove(finder)


class _NoPandas:
    """Finds no pandas."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Raise ImportError for pandas (the import system's own protocol)."""
        if name == "pandas":
            raise ModuleNotFoundError("No module named 'pandas'", name=name)
        return None
