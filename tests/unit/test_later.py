"""A module that is loaded later is the module, once it is used."""

import subprocess
import sys
from pathlib import Path

import pytest

from almanac.settings import ROOT

PACKAGE = {
    "late_parent/__init__.py": "print('parent loaded')\nvalue = 1\n",
    "late_parent/child.py": "print('child loaded')\ndef double(n):\n    return 2 * n\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A package that says when it is loaded."""
    for name, text in PACKAGE.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def run(folder: Path, code: str) -> list[str]:
    """What a fresh interpreter prints that has the package."""
    start = f"import sys; sys.path[:0] = {[str(folder), str(ROOT)]}\nfrom expectations.later import load_later\n"
    done = subprocess.run([sys.executable, "-c", start + code], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


LATER = "load_later('late_parent', 'late_parent.child')\n"


def test_importing_it_loads_nothing(folder: Path) -> None:
    assert run(folder, LATER + "import late_parent, late_parent.child\nfrom late_parent import child") == []


def test_using_a_child_loads_both(folder: Path) -> None:
    use = "from late_parent import child\nprint(child.double(4), child.double(5))"
    assert run(folder, LATER + use) == ["parent loaded", "child loaded", "8 10"]


def test_using_a_parent_loads_it(folder: Path) -> None:
    assert run(folder, LATER + "import late_parent\nprint(late_parent.value)") == ["parent loaded", "1"]


def test_what_it_does_not_have_is_an_error_as_before(folder: Path) -> None:
    use = "import late_parent\ntry:\n    late_parent.nothing\nexcept AttributeError as e:\n    print(e)"
    assert run(folder, LATER + use)[-1] == "module 'late_parent' has no attribute 'nothing'"


def test_a_module_that_is_loaded_already_stays(folder: Path) -> None:
    assert run(folder, "import late_parent\n" + LATER + "print(type(late_parent).__name__)")[-1] == "module"


def test_a_module_that_is_absent_stays_absent(folder: Path) -> None:
    use = "load_later('late_nowhere')\ntry:\n    import late_nowhere\nexcept ModuleNotFoundError:\n    print('absent')"
    assert run(folder, use) == ["absent"]


def test_great_expectations_does_not_need_them() -> None:
    code = "import expectations.suite as s\ns.Validator()\nprint(*(type(sys.modules[n]).__name__ for n in NAMES))"
    assert run(ROOT, code.replace("NAMES", "('altair', 'scipy', 'scipy.stats')")) == ["Later Later Later"]
