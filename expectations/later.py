"""Modules that are loaded when something of them is first used.

Great Expectations imports a chart library and a statistics library for two expectations that no suite here has; loading
them takes a third of its time.
"""

import importlib
import importlib.util
import sys
from types import ModuleType
from typing import Any


class Later(ModuleType):
    """Stands in for a module and becomes it at the first use."""

    def __getattr__(self, name: str) -> Any:
        """Load the module and answer as it does."""
        return getattr(self._loaded(), name)

    def _loaded(self) -> ModuleType:
        own = self.__name__
        parent = sys.modules.get(own.rpartition(".")[0])
        if isinstance(parent, Later):
            parent._loaded()
        if sys.modules.get(own) is self:
            del sys.modules[own]
        real = importlib.import_module(own)
        vars(self).update(vars(real))
        return real


def load_later(*names: str) -> None:
    """Let `import name` give a stand-in where the module is not loaded yet; a parent has to be named before its child.

    A module that is not installed stays absent: importing it is an error as before.
    """
    for name in names:
        if name in sys.modules:
            continue
        spec = importlib.util.find_spec(name)
        if spec is None:
            continue
        module = Later(name)
        module.__spec__, module.__file__ = spec, spec.origin
        module.__path__ = list(spec.submodule_search_locations or ())
        sys.modules[name] = module
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], child, module)
