"""Why a message could not be delivered."""

from datetime import timedelta


class DeliveryError(Exception):
    """A channel did not take a message. The text holds no secret; `wait` is how long the channel asks to wait."""

    def __init__(self, reason: str, wait: timedelta | None = None) -> None:
        super().__init__(reason)
        self.wait = wait
