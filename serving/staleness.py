"""The amber bar: the last attempt to publish failed, or nothing runs any more, so older numbers are shown."""

from dataclasses import dataclass
from datetime import datetime

from almanac.versions import Status
from serving import formatting
from serving.catalogue import Publication


@dataclass(frozen=True)
class Banner:
    """What the bar says, and the checks that stopped the build."""

    text: str
    failed_checks: tuple[str, ...]


def banner(
    status: Status, publication: Publication | None, time_zone: str = "UTC", silent_since: datetime | None = None
) -> Banner | None:
    """The bar to show, None if all is well; `publication` is None if nothing was published yet.

    `silent_since` (aware) is the last sign of life of what builds and publishes, None if it is there.
    """
    if status.succeeded and silent_since is None:
        return None
    parts = []
    if publication:
        parts.append(f"Showing data of {formatting.moment(publication.data_as_of, time_zone)}.")
    if silent_since:
        parts.append(f"Nothing has run by itself since {formatting.moment(silent_since, time_zone)}.")
    if status.succeeded:
        return Banner(" ".join(parts), ())
    when = (
        f"The build of {formatting.moment(status.attempted_at, time_zone)}" if status.attempted_at else "The last build"
    )
    count = len(status.failed_checks)
    if count:
        parts.append(f"{when} was stopped by {count} failed {'check' if count == 1 else 'checks'}.")
    else:
        parts.append(f"{when} did not finish: {status.reason.rstrip('.') or 'no reason was given'}.")
    return Banner(" ".join(parts), status.failed_checks)
