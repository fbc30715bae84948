"""A plain text table for the terminal."""

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
