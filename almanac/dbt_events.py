"""dbt's events without those that nobody hears: a fifth of a small build's time goes into wording debug events."""

from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import ctx_set_event_manager, get_event_manager


class HeardEvents(EventManager):
    """Drops debug events before they are worded; the log file takes `info` and above, and so do our callbacks."""

    def fire_event(self, e: BaseEvent, level: EventLevel | None = None, *more: Any, **options: Any) -> None:
        """Fire an event that somebody hears."""
        if (level or e.level_tag()) not in (EventLevel.DEBUG, EventLevel.TEST):
            super().fire_event(e, level, *more, **options)


def hear_no_debug() -> None:
    """From now on dbt in this process fires no debug events."""
    if not isinstance(get_event_manager(), HeardEvents):
        ctx_set_event_manager(HeardEvents())
