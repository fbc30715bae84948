"""The one error that people see as one line."""


class AlmanacError(Exception):
    """A failure the user can act on: its text says what, where and what to do, in one line."""
