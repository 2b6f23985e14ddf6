"""What the tests share: models written into a folder, and templates that load them."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
sys.path[:0] = [str(TESTS), str(TESTS.parent)]

from served import Template  # noqa: E402


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Template]]:
    """Starts a template of a model with this source; ends it after the test."""
    started = []

    def start(source: str | Path, **fields: Any) -> Template:
        file = source
        if isinstance(source, str):
            file = tmp_path / "model.py"
            file.write_text(textwrap.dedent(source))
        template = Template(file, **fields)
        started.append(template)
        return template

    yield start
    for template in started:
        template.kill()


@pytest.fixture
def load(start: Callable[..., Template]) -> Callable[..., Template]:
    """Starts a template and waits until its model is loaded."""

    def load(source: str | Path, **fields: Any) -> Template:
        template = start(source, **fields)
        template.loaded = template.receive("loaded")
        return template

    return load
