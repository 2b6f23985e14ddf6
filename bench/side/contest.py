"""What every scenario needs: programs, data, and how long to measure."""

import functools
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from load import wrk
from outcome import Comparison, Start
from pairs import take_turns
from server import Program, Server
from work import Work

# ONNX Runtime's, for whoever opens the library.
NO_TELEMETRY = {"ORT_DISABLE_TELEMETRY": "1"}
# The programs that stand in bench/floor.
FLOOR = Path(__file__).resolve().parents[1] / "floor/target/release"


@dataclass(frozen=True)
class Contest:
    """A run of the comparison."""

    data: Path
    loadonce: Path
    library: Path
    scratch: Path
    seconds: int = 2
    pairs: int = 7

    def serve(
        self, folder: Path, name: str = "loadonce", options: Sequence[str | Path] = ()
    ) -> Program:
        """Ours, as it is by default but for these options."""
        command = [self.loadonce, "serve", folder, "--port", "PORT"]
        command += ["--grpc-port", "0", "--onnxruntime", self.library, *options]
        return Program(name, command)

    def ours(self, model: str, config: str = "", name: str = "loadonce") -> Program:
        """Ours with one model and that `model.toml`."""
        folder = self.folder()
        self.put(folder / model, model, config)
        return self.serve(folder, name)

    def in_python(
        self, model: str, workers: int, name: str = "loadonce", config: str = ""
    ) -> Program:
        """Ours with one model in Python, in the environment that trained it."""
        folder = self.folder()
        self.put(folder / model, model, f"workers = {workers}\n{config}")
        return self.serve(folder, name, ["--python", sys.executable, "--allow-pickle"])

    def folder(self) -> Path:
        """An empty one."""
        return Path(tempfile.mkdtemp(dir=self.scratch))

    def put(self, folder: Path, model: str, config: str = "") -> None:
        """Makes the folder of a model."""
        folder.mkdir()
        for file in (self.data / "models" / model).iterdir():
            (folder / file.name).symlink_to(file)
        (folder / "model.toml").write_text(config)

    def model_file(self, model: str) -> Path:
        (file,) = (self.data / "models" / model).glob("model.*")
        return file

    def by_hand(self, model: str) -> Program:
        """The floor for one model."""
        file = self.model_file(model)
        command = [FLOOR / "floor", model, file, "--library", self.library]
        command += ["--address", "127.0.0.1:PORT"]
        return Program("floor", command, NO_TELEMETRY)

    def compare(
        self, title: str, servers: tuple[Server, Server], work: Work, connections: int
    ) -> Comparison:
        """Has ours and another take turns with one work."""
        turns = [
            functools.partial(wrk, server, work, connections, self.seconds)
            for server in servers
        ]
        pairs = take_turns(*turns, self.pairs)
        comparison = Comparison.of(title, servers[1].name, connections, pairs)
        print(f"  {comparison}", flush=True)
        return comparison


def start_of(title: str, server: Server) -> Start:
    """How a server started, and what it holds when all is over."""
    memory = server.start_memory
    return Start(title, server.name, server.start_seconds, memory, server.memory())
