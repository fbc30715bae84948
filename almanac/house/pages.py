"""Pages for people must name what exists: files, `make` targets, commands and settings."""

import re
from collections.abc import Collection, Iterator
from pathlib import Path

from almanac.house.findings import Finding, line_of

PAGES = ("README.md", "CONTRIBUTING.md", "docs/*.md", "docs/*/*.md")
GENERATED = (".almanac/", ".venv/", "target/")
SUFFIXES = (".py", ".sql", ".yml", ".yaml", ".md", ".toml", ".lock")

_CODE = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"[\w.<>*{},-]+(?:/[\w.<>*{},-]+)*/?")
_MAKE = re.compile(r"(?:^|[\s(])make ([a-z][a-z-]*)")
_COMMAND = re.compile(r"(?:^|[\s(/])almanac ([a-z]+)")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
_SETTING = re.compile(r"\bALMANAC_[A-Z_]+\b")


def check_pages(root: Path, commands: Collection[str]) -> list[Finding]:
    """Everything that README, CONTRIBUTING and docs name and that is not there; settings that only one side knows."""
    targets = _TARGET.findall((root / "Makefile").read_text(encoding="utf-8"))
    findings = []
    for pattern in PAGES:
        for page in sorted(root.glob(pattern)):
            name, text = page.relative_to(root).as_posix(), page.read_text(encoding="utf-8")
            for line, code in _code(text):
                findings += [Finding(name, problem, line) for problem in _problems(root, code, targets, commands)]
    return findings + _settings(root)


def _code(text: str) -> Iterator[tuple[int, str]]:
    """Code of a page with its line: spans, and the lines of blocks."""
    for block in _BLOCK.finditer(text):
        start = line_of(text, block.start(1))
        yield from ((start + n, line) for n, line in enumerate(block[1].splitlines()))
    prose = _BLOCK.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), text)
    yield from ((line_of(prose, span.start()), span[1]) for span in _CODE.finditer(prose))


def _problems(root: Path, code: str, targets: Collection[str], commands: Collection[str]) -> Iterator[str]:
    yield from (f"there is no `make {name}`" for name in _MAKE.findall(code) if name not in targets)
    yield from (f"there is no command `almanac {name}`" for name in _COMMAND.findall(code) if name not in commands)
    if _PATH.fullmatch(code) and not code.startswith(GENERATED) and _is_path(root, code) and not _exists(root, code):
        yield f"there is no {code}"


def _is_path(root: Path, code: str) -> bool:
    first, slash, _ = code.partition("/")
    return (code.endswith(SUFFIXES) and code not in SUFFIXES) or (bool(slash) and (root / first).is_dir())


def _exists(root: Path, code: str) -> bool:
    """Whether a file or folder of that name exists; `<name>` stands for any one, `{a,b}` for each of them."""
    choice = re.search(r"\{([^{}]*)\}", code)
    if choice:
        return all(_exists(root, code.replace(choice[0], part.strip(), 1)) for part in choice[1].split(","))
    pattern = re.sub(r"<[^<>]*>", "*", code).rstrip("/")
    # A bare file name may lie anywhere.
    return any(root.glob(pattern)) or ("/" not in pattern and any(root.glob(f"[!.]*/**/{pattern}")))


def _settings(root: Path) -> list[Finding]:
    """The variables that settings.py reads and those that `.env.example` explains must be the same."""
    read = set(_SETTING.findall((root / "almanac" / "settings.py").read_text(encoding="utf-8")))
    example = root / ".env.example"
    explained = set(_SETTING.findall(example.read_text(encoding="utf-8"))) if example.is_file() else set()
    return [Finding(".env.example", f"does not explain {name}") for name in sorted(read - explained)] + [
        Finding(".env.example", f"explains {name}, which nothing reads") for name in sorted(explained - read)
    ]
