"""The names of events as people see them, in the portal and on the command line."""

SHOWN = 20  # characters of a name that is blank


def named(event: str, nameless: str) -> str:
    """The name of an event; one of which people would see nothing is quoted, and one that is empty is `nameless`."""
    if any(char.isprintable() and not char.isspace() for char in event):
        return event
    return f"(blank name: {event[:SHOWN]!r})" if event else nameless
