"""What ended a run, in words for people: one line without statements, their values and addresses of manuals."""

import re

from sqlalchemy.exc import SQLAlchemyError

# What SQLAlchemy adds to a database's own words. The values may be anybody's data.
_ADDED = re.compile(r"\s*(?:\[SQL: |\[parameters: |\(Background on this error at: ).*", re.DOTALL)


def plain(message: str) -> str:
    """A message as one line, without what a database's client adds to it."""
    return " ".join(_ADDED.sub("", message).split())


def of_database(error: BaseException) -> str | None:
    """What a database said, if that is what this error comes from; None if it is not."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, SQLAlchemyError):
            return plain(str(cause))
        cause = cause.__cause__ or cause.__context__
    return None
