"""What stands between channel and predict(), one for each form of model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from .channel import Channel
from .frames import Header


class Exchange(Protocol):
    """Turns frames into what predict() takes, and what it returns into frames."""

    def read(self, header: Header) -> Any:
        """The argument for predict(); raises `RequestError` for a wrong caller."""
        ...

    def answer(self, run: int, returned: Any) -> None:
        """Sends what predict() returned; raises `AnswerError` where it is wrong."""
        ...


MakeExchange = Callable[[Channel], Exchange]
