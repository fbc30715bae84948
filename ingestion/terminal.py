"""Tables for the terminal whose cells may hold what a client sent."""

from collections.abc import Iterator, Sequence

import click

WIDEST = 60  # characters of one column, the last one excepted


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under their head, columns aligned; the last column keeps its whole text."""
    for line in _lines(head, rows):
        click.echo(line)


def safe(text: str) -> str:
    """`text` without characters that would steer the terminal."""
    return "".join(char if char.isprintable() else "�" for char in text)


def _lines(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    cells = [[_short(cell) for cell in row[:-1]] + [safe(row[-1])] for row in [head, *rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    for row in cells:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _short(text: str) -> str:
    clean = safe(text)
    return clean if len(clean) <= WIDEST else clean[: WIDEST - 1] + "…"
