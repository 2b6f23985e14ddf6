"""How fast a large model loads, cold and warm, in one file and as it is optimized."""

import datetime
import json
import os
import shutil
import statistics
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import machine
import report
from load import LoadError

TURNS = 7

INTRODUCTION = """\
{command}, {day}, {machine}; ONNX Runtime {version}. A network of 24 MatMuls with 403 MB
of weights, loaded {turns} times in each form, in turns, by a process each; medians
(lowest to highest). Cold: the kernel was told to drop the files from its page cache.
The load ends when the engine has the model; behind it stands the time until each
session has run once, in which weights that are mapped come into memory. Peak and memory
are what the process took more."""


@dataclass(frozen=True)
class Form:
    """A model as it lies on disk, for an engine."""

    engine: str
    name: str
    folder: Path

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("model.onnx*"))

    def megabytes(self) -> float:
        return sum(file.stat().st_size for file in self.files()) / 1e6


@dataclass(frozen=True)
class Loadonce:
    """The program, and where it finds ONNX Runtime: a library, or off."""

    program: Path
    library: str

    def run(self, *arguments: str) -> Any:
        command = [str(self.program), *arguments]
        variables = os.environ | {"LOADONCE_ONNXRUNTIME": self.library}
        ended = subprocess.run(command, env=variables, capture_output=True, check=False)
        if ended.returncode:
            raise LoadError(f"{' '.join(command)}: {ended.stderr.decode()}")
        return json.loads(ended.stdout)

    def optimize(self, model: Path, output: Path, *flags: str) -> Any:
        arguments = [str(model), "--output", str(output), "--loads", "3", "--json"]
        return self.run("optimize", *arguments, *flags)

    def load(self, form: Form) -> Mapping[str, Any]:
        return self.run("measure", str(form.folder))


@dataclass
class Line:
    """What the loads of a form took."""

    form: Form
    cold: list[Mapping[str, Any]] = field(default_factory=list)
    warm: list[Mapping[str, Any]] = field(default_factory=list)

    def row(self) -> list[str]:
        times = [
            shown(loads, key)
            for loads in (self.cold, self.warm)
            for key in ("load_seconds", "first_run_seconds")
        ]
        sizes = ("peak_bytes", "resident_bytes")
        memory = [statistics.median(one[key] for one in self.warm) for key in sizes]
        disk = f"{self.form.megabytes():.0f}"
        megabytes = [f"{size / 1e6:.0f}" for size in memory]
        return [self.form.engine, self.form.name, disk, *times, *megabytes]


def shown(loads: Sequence[Mapping[str, Any]], key: str) -> str:
    seconds = sorted(one[key] for one in loads)
    middle = statistics.median(seconds)
    return f"{middle:.2f} ({seconds[0]:.2f} to {seconds[-1]:.2f})"


def prepare(loadonce: Loadonce, engine: str, model: Path, scratch: Path) -> list[Form]:
    """The forms in which an engine loads the model."""
    forms = [Form(engine, "one file", model)]
    for name, flags in {
        "optimize": (),
        "optimize --checksum-weights": ("--checksum-weights",),
    }.items():
        folder = scratch / f"{engine}-{len(forms)}"
        loadonce.optimize(model, folder, *flags)
        forms.append(Form(engine, f"`{name}`", folder))
    return forms


def without_packing(form: Form, scratch: Path) -> Form:
    """The same, with an option of ONNX Runtime: weights stay mapped as they are."""
    folder = scratch / f"{form.folder.name}-unpacked"
    shutil.copytree(form.folder, folder)
    with (folder / "model.toml").open("a", encoding="utf-8") as keys:
        keys.write('[options]\nsession.disable_prepacking = "1"\n')
    return Form(form.engine, f"{form.name}, `session.disable_prepacking = 1`", folder)


def drop_from_cache(form: Form) -> None:
    for file in form.files():
        with file.open("rb") as opened:
            # What is not on the disk yet cannot be dropped.
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(loadonce: Loadonce, lines: Sequence[Line], turns: int = TURNS) -> None:
    for turn in range(turns):
        for line in lines:
            drop_from_cache(line.form)
            line.cold.append(loadonce.load(line.form))
            line.warm.append(loadonce.load(line.form))
        print(f"  turn {turn + 1} of {turns}", flush=True)


def section(lines: Sequence[Line], version: str) -> Iterator[str]:
    """Its paragraphs."""
    yield report.paragraph(
        INTRODUCTION.format(
            command="`make bench-load`",
            day=datetime.datetime.now(datetime.UTC).date().isoformat(),
            machine=machine.described(),
            version=version,
            turns=len(lines[0].warm),
        )
    )
    times = ("cold load s", "with first run", "warm load s", "with first run")
    head = ["engine", "form", "MB on disk", *times, "load peak MB", "in memory MB"]
    yield report.table(head, [line.row() for line in lines])
