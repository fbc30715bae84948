"""Which models a model is made from, read from the SQL files: in a tenth of a second, and without a parse of dbt.

Belongs here: the graph of models. Which events make the rows of a fact, `almanac/event_lineage.py` knows.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

LAYERS = ("staging", "intermediate", "marts", "kpis")  # the folders of models, in the order in which data flows

_JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)
_REF = re.compile(r"\bref\(\s*['\"](\w+)['\"]\s*\)")
_MACRO = re.compile(r"\{%-?\s*macro\s+(\w+)\s*\(.*?\{%-?\s*endmacro\s*-?%\}", re.DOTALL)
_CALL = re.compile(r"\b([a-z_]\w*)\s*\(")


@dataclass(frozen=True)
class ModelGraph:
    """The models of a project: the file of each, and the models that it names."""

    files: dict[str, Path]
    parents: dict[str, frozenset[str]]

    @cached_property
    def _ancestors(self) -> dict[str, frozenset[str]]:
        return {}

    def upstream(self, model: str) -> frozenset[str]:
        """Every model that `model` is made from, near or far, without itself."""
        if model not in self._ancestors:
            near = self.parents.get(model, frozenset())
            self._ancestors[model] = near.union(*(self.upstream(parent) for parent in near))
        return self._ancestors[model]

    def by_layer(self, models: frozenset[str]) -> dict[str, list[str]]:
        """These models by layer, in the order of data, sorted by name; layers without any are left out."""
        found: dict[str, list[str]] = {layer: [] for layer in LAYERS}
        for model in sorted(models):
            layer = next((part for part in self.files[model].parts if part in found), "")
            found.setdefault(layer, []).append(model)
        return {layer: names for layer, names in found.items() if names}


def model_graph(root: Path) -> ModelGraph:
    """The graph of the models below `root`/dbt_project, as `ref` draws it in models and in the macros they call."""
    project = root / "dbt_project"
    macros: dict[str, str] = {}
    for file in sorted((project / "macros").rglob("*.sql")):
        for macro in _MACRO.finditer(sql_without_comments(file)):
            macros[macro[1]] = macro[0]
    files = {file.stem: file for file in sorted((project / "models").rglob("*.sql"))}
    parents = {
        name: frozenset(_named(sql_without_comments(file), macros, set()) & files.keys())
        for name, file in files.items()
    }
    return ModelGraph(files, parents)


def _named(text: str, macros: dict[str, str], seen: set[str]) -> set[str]:
    """The models that a text names by `ref`, itself or through macros."""
    named = set(_REF.findall(text))
    for macro in (set(_CALL.findall(text)) & macros.keys()) - seen:
        seen.add(macro)
        named |= _named(macros[macro], macros, seen)
    return named


def sql_without_comments(file: Path) -> str:
    """A model's or macro file's text without Jinja comments."""
    return _JINJA_COMMENT.sub("", file.read_text(encoding="utf-8"))
