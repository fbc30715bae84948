"""The amber bar: the last attempt to publish failed, so older numbers are shown."""

from dataclasses import dataclass

from almanac.versions import Status
from serving import formatting
from serving.catalogue import Publication


@dataclass(frozen=True)
class Banner:
    """What the bar says, and the checks that stopped the build."""

    text: str
    failed_checks: tuple[str, ...]


def banner(status: Status, publication: Publication | None, time_zone: str = "UTC") -> Banner | None:
    """The bar to show, None if the last attempt succeeded; `publication` is None if nothing was published yet."""
    if status.succeeded:
        return None
    parts = []
    if publication:
        parts.append(f"Showing data of {formatting.moment(publication.data_as_of, time_zone)}.")
    when = (
        f"The build of {formatting.moment(status.attempted_at, time_zone)}" if status.attempted_at else "The last build"
    )
    count = len(status.failed_checks)
    if count:
        parts.append(f"{when} was stopped by {count} failed {'check' if count == 1 else 'checks'}.")
    else:
        parts.append(f"{when} did not finish: {status.reason.rstrip('.') or 'no reason was given'}.")
    return Banner(" ".join(parts), status.failed_checks)
