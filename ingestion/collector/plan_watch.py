"""Whether the files of the tracking plan still say what this collector judges by: the plan that it started with."""

import logging
from pathlib import Path

from ingestion.tracking_plan import Plan
from ingestion.tracking_plan.load import plan_version

_log = logging.getLogger("almanac.collector")


class PlanWatch:
    """Looks at the files again and again, and says once of each change that it needs a new start."""

    def __init__(self, root: Path | None, plan: Plan) -> None:
        self._root = root
        self._judged_by = plan.version
        self._seen = plan.version

    def look(self) -> None:
        """Look now. Raises OSError if the files cannot be read."""
        version = plan_version(self._root)
        if version != self._seen:
            self._seen = version
            if version != self._judged_by:
                _log.warning(
                    "the tracking plan has changed: this collector judges by the one that it started with until it is "
                    "restarted (SIGTERM loses nothing)"
                )
