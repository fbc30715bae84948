"""In CI an unexpected skip is a failure, also when it happens in a worker or skips a whole module."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SKIPPED = {
    "test_inside.py": "import pytest\ndef test_a():\n    pytest.skip('skipped inside')\n",
    "test_marked.py": "import pytest\n@pytest.mark.skipif(True, reason='skipped by mark')\ndef test_a():\n    pass\n",
    "test_module.py": "import pytest\npytest.skip('skipped as a module', allow_module_level=True)\n",
    "test_passes.py": "def test_a():\n    pass\n",
}


def run(folder: Path, root: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run pytest on a folder under this repository's conftest."""
    (folder / "conftest.py").write_text((root / "tests" / "conftest.py").read_text())
    env = {name: value for name, value in os.environ.items() if name not in {"CI", "ALMANAC_TEST_DATA"}}
    env = {name: value for name, value in env.items() if not name.startswith("PYTEST_")}
    # A folder of its own: in the shared one it would wait to tidy up after other runs.
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--basetemp", str(folder / "temp")]
    command += arguments
    return subprocess.run(command, cwd=folder, env=env | environment, capture_output=True, text=True)


@pytest.mark.parametrize("arguments", [(), ("-n", "1")], ids=["one process", "a worker"])
def test_an_unexpected_skip_fails_in_ci(arguments: tuple[str, ...], root: Path, tmp_path: Path) -> None:
    for name, text in SKIPPED.items():
        (tmp_path / name).write_text(text)
    in_ci = run(tmp_path, root, *arguments, CI="true")
    assert in_ci.returncode == 1, in_ci.stdout
    named = in_ci.stdout.split("skipped, and in CI that is a failure")[1]
    for reason in ("skipped inside", "skipped by mark", "skipped as a module"):
        assert reason in named


def test_an_unexpected_skip_is_fine_elsewhere(root: Path, tmp_path: Path) -> None:
    for name, text in SKIPPED.items():
        (tmp_path / name).write_text(text)
    assert run(tmp_path, root).returncode == 0


def test_absent_data_may_be_skipped_even_in_ci_unless_it_was_named(root: Path, tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text("def test_a(data_folder):\n    assert data_folder.is_dir()\n")
    done = run(tmp_path, root, "-rs", CI="true")
    assert done.returncode == 0, done.stdout
    assert "1 skipped" in done.stdout
    assert run(tmp_path, root, CI="true", ALMANAC_TEST_DATA=str(tmp_path)).returncode == 0
    assert run(tmp_path, root, ALMANAC_TEST_DATA=str(tmp_path / "nowhere")).returncode == 1
