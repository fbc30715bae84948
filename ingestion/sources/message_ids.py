"""Message ids of what has none of its own."""

from hashlib import md5


def uuid_of(text: str) -> str:
    """A message id that is the same for the same text."""
    digest = md5(text.encode(), usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:]}"
