"""How a program of the comparison runs, and ends."""

import signal
import sys
from collections.abc import Callable

from load import LoadError
from server import ServerError
from work import WrongAnswerError


def run(main: Callable[[], None]) -> None:
    # So that the servers end too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("error: told to stop"))
    try:
        main()
    except (LoadError, ServerError, WrongAnswerError) as error:
        sys.exit(f"error: {error}")
