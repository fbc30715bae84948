"""Compiled texts of dbt's models, hooks and macros, kept between builds beside the parse of the checkout.

dbt keeps what it parsed and compiles every text anew in each process, a second of a small build. A text has the same
code wherever it is compiled by the same versions of Python and Jinja, which the name of the file says.
"""

import marshal
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import CodeType
from typing import Any

from dbt_common.clients.jinja import MacroFuzzEnvironment

_MOST = 5_000  # texts; what no build has asked for goes when there are more
_compile: Callable[..., Any] = MacroFuzzEnvironment.compile


class KeptTemplates:
    """The code of texts by their hash: what a file holds, and what this process compiles from now on."""

    def __init__(self, folder: Path) -> None:
        versions = "-".join(version(name) for name in ("jinja2", "dbt-common", "dbt-core"))
        self.file = folder / f"templates-{sys.implementation.cache_tag}-{versions}.marshal"
        self._stored = _read(self.file)
        self._asked: dict[bytes, CodeType] = {}

    def take_part(self) -> None:
        """From now on dbt's environments in this process ask here for the code of a text."""

        def compiled(environment: Any, source: Any, *place: Any, **how: Any) -> Any:
            if place or how or not isinstance(source, str):
                return _compile(environment, source, *place, **how)
            # A native environment has other filters and returns values instead of text: its code is another one.
            key = sha256(f"{type(environment).__name__}\n{source}".encode()).digest()
            code = self._asked.get(key) or self._stored.get(key) or _compile(environment, source)
            return self._asked.setdefault(key, code)

        MacroFuzzEnvironment.compile = compiled  # type: ignore[method-assign, assignment]

    def keep(self) -> None:
        """Write what is new for the next process; a checkout that nobody may write to keeps nothing."""
        if self._asked.keys() <= self._stored.keys():
            return
        together = self._stored | self._asked
        with suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            temporary = self.file.with_name(f"{self.file.name}.{os.getpid()}")
            content = marshal.dumps(together if len(together) <= _MOST else self._asked)
            temporary.write_bytes(sha256(content).digest() + content)
            os.replace(temporary, self.file)


def _read(file: Path) -> dict[bytes, CodeType]:
    try:
        content = file.read_bytes()
    except OSError:
        return {}
    written, content = content[:32], content[32:]
    # A damaged one could end the process: the next build replaces it.
    return marshal.loads(content) if sha256(content).digest() == written else {}
