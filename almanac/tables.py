"""Tables as text: for the terminal, and for pages in Markdown."""

from collections.abc import Sequence


def text_table(headers: Sequence[str], rows: Sequence[Sequence[object]], *, right: Sequence[str] = ()) -> str:
    """Rows under their headers, columns aligned; those named in `right` to the right. None is shown as `-`."""
    cells = [[("-" if value is None else str(value)) for value in row] for row in rows]
    widths = [max(len(header), *(len(row[i]) for row in cells), 0) for i, header in enumerate(headers)]
    lines = []
    for row in [list(headers), ["-" * width for width in widths], *cells]:
        aligned = [
            cell.rjust(width) if header in right else cell.ljust(width)
            for cell, width, header in zip(row, widths, headers, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    return "\n".join(lines)


def markdown_row(*cells: str) -> str:
    """One row of a table in Markdown; a cell is one line, whatever it holds."""
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def markdown_head(*titles: str) -> tuple[str, str]:
    """The two lines with which a table in Markdown begins."""
    return markdown_row(*titles), "|" + "---|" * len(titles)
