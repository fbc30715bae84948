"""Whether the files of the tracking plan still say what this collector judges by, and taking up what they say now."""

import logging
from collections.abc import Callable
from pathlib import Path

from almanac.errors import AlmanacError
from ingestion.tracking_plan import Plan, load_plan
from ingestion.tracking_plan.load import plan_version

_log = logging.getLogger("almanac.collector")


class PlanWatch:
    """Looks at the files again and again, and says once of each change that nobody goes by it yet.

    Belongs to the thread that lands.
    """

    def __init__(self, root: Path | None, plan: Plan, adopt: Callable[[Plan], None]) -> None:
        """`adopt` makes everybody go by another plan; it raises AlmanacError or OSError if all keep the one before."""
        self._root = root
        self._adopt = adopt
        self._judged_by = plan.version
        self._seen = plan.version

    def look(self) -> None:
        """Look now. Raises OSError if the files cannot be read."""
        version = plan_version(self._root)
        if version != self._seen:
            self._seen = version
            if version != self._judged_by:
                _log.warning(
                    "the tracking plan has changed: this collector judges by the one that it knows until it is told "
                    "to take up the new one (SIGHUP; nothing is lost)"
                )

    def take_up(self) -> None:
        """Go by what the files say now, if that is a valid plan; else say why not, and keep the one that is known."""
        try:
            plan = load_plan(self._root)
            if plan.version != self._judged_by:
                self._adopt(plan)
        except (AlmanacError, OSError) as error:
            _log.error("the tracking plan is not taken up, the one before goes on: %s", error)
            return
        is_new = plan.version != self._judged_by
        self._seen = self._judged_by = plan.version
        _log.warning(
            "the tracking plan was taken up: events are judged by what its files say now"
            if is_new
            else "the tracking plan is the one that this collector judges by already: nothing to take up"
        )
