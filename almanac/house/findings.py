"""One finding of a check, and the text files of the repository that checks read."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SKIPPED_FOLDERS = frozenset({".git", ".venv", ".almanac", "target", "logs", "node_modules", "__pycache__"})
MAX_BYTES = 2_000_000  # nothing written by hand is larger; the locks are 0.3 MB


@dataclass(frozen=True)
class Finding:
    """What is wrong and where: a path relative to the repository, and the line (from 1) where there is one."""

    path: str
    message: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}" if self.line else f"{self.path}: {self.message}"


def repository_files(root: Path) -> list[Path]:
    """The files that git tracks or would add, sorted; outside a git checkout every file that is not generated."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=root,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return sorted(
            p for p in root.rglob("*") if p.is_file() and not SKIPPED_FOLDERS & set(p.relative_to(root).parts)
        )
    return sorted(p for name in listed.stdout.decode().split("\0") if name and (p := root / name).is_file())


def text_files(root: Path) -> Iterator[tuple[str, str]]:
    """Relative path and text of every file of the repository that is text."""
    for path in repository_files(root):
        if path.stat().st_size > MAX_BYTES:
            continue
        try:
            yield path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def line_of(text: str, position: int) -> int:
    """The line (from 1) of a character position."""
    return text.count("\n", 0, position) + 1
