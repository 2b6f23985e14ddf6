"""JSON messages: what the template and the server say to each other, and reports."""

from __future__ import annotations

import json
import socket
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from .frames import LARGEST_MESSAGE, LARGEST_TEXT

PROTOCOL = 1
# The most that come with one message.
_DESCRIPTORS = 4
_PACKAGE = __name__.partition(".")[0]

# What is halved first where a text is too long, and which end of it stays.
_CUT = (("traceback", True), ("rows", False), ("message", False))


def encode(fields: Mapping[str, Any]) -> bytes:
    """JSON in UTF-8; what no character is, such as half of a pair, is replaced."""
    text = json.dumps(fields, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "replace")


def bounded(fields: Mapping[str, Any], limit: int = LARGEST_TEXT) -> bytes:
    """JSON of at most `limit` bytes: the end of a long traceback stays."""
    shorter = dict(fields)
    encoded = encode(shorter)
    for name, tail in _CUT:
        while len(encoded) > limit and shorter.get(name):
            half = len(shorter[name]) // 2
            value = shorter[name]
            shorter[name] = value[len(value) - half :] if tail else value[:half]
            encoded = encode(shorter)
    return encoded


def send(control: socket.socket, fields: Mapping[str, Any]) -> None:
    """Sends one control message."""
    control.send(bounded(fields, LARGEST_MESSAGE))


def receive(control: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The next control message and its descriptors; None where the server is gone."""
    try:
        data, descriptors, _, _ = socket.recv_fds(
            control, LARGEST_MESSAGE, _DESCRIPTORS, socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionResetError:
        return None
    return (json.loads(data), descriptors) if data else None


def one_line(error: BaseException) -> str:
    """An exception as one line of text."""
    text = " ".join(str(error).split())
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def users_traceback(error: BaseException) -> str:
    """The traceback of an exception, from the first line that is not ours, if any."""
    trace: TracebackType | None = error.__traceback__
    while trace is not None and _is_ours(trace):
        trace = trace.tb_next
    trace = trace or error.__traceback__
    return "".join(traceback.format_exception(type(error), error, trace))


def _is_ours(trace: TracebackType) -> bool:
    module = str(trace.tb_frame.f_globals.get("__name__", ""))
    return module.partition(".")[0] in (_PACKAGE, "importlib")
