"""How each peer is started: environment, settings, and the model in its form."""

import json
import subprocess
import sysconfig
from pathlib import Path

from contest import NO_TELEMETRY, Contest
from server import HOST
from work import Json, Work, read

APPS = Path(__file__).with_name("peers")
TOOLS = Path(__file__).parents[2] / "tests" / "tools.sh"

# Arguments, and variables of the environment.
Command = tuple[list[str | Path], dict[str, str]]

# Nobody's threads are more than the cores.
QUIET = NO_TELEMETRY | {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def python_of(peer: str) -> Path:
    """The interpreter with a peer's packages, installed where they are not."""
    script = f'source "{TOOLS}"; python_with "{APPS / peer}.txt"'
    command = ["bash", "-euo", "pipefail", "-c", script]
    ended = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Path(ended.stdout.strip())


def fastapi(work: Work, handlers: str, workers: int) -> Command:
    command = [python_of("fastapi"), "-m", "uvicorn", "fastapi_app:app"]
    command += ["--host", HOST, "--port", "PORT", "--workers", str(workers)]
    command += ["--no-access-log", "--log-level", "warning"]
    binary = "yes" if work.headers else ""
    return command, {"WORK": work.name, "HANDLERS": handlers, "BINARY": binary}


def mosec(work: Work, workers: int, batch: int = 1) -> Command:
    """Rows of so many requests at most go into a call together."""
    command = [python_of("mosec"), APPS / "mosec_app.py"]
    command += ["--address", HOST, "--port", "PORT"]
    return command, {"WORK": work.name, "WORKERS": str(workers), "BATCH": str(batch)}


def mlserver(contest: Contest, work: Work) -> Command:
    folder = contest.folder()
    settings = {"host": HOST, "parallel_workers": 1, "metrics_endpoint": None}
    (folder / "settings.json").write_text(json.dumps(settings))
    model = {"name": work.name, "implementation": "mlserver_model.OnnxModel"}
    (folder / work.name).mkdir()
    (folder / work.name / "model-settings.json").write_text(json.dumps(model))
    start = "from mlserver.cli import main; main()"
    return [python_of("mlserver"), "-c", start, "start", folder], {
        "MLSERVER_HTTP_PORT": "PORT",
        "MLSERVER_GRPC_PORT": "0",
    }


def triton(
    contest: Contest, work: Work, batch: int = 0, model: str = "triton_model"
) -> Command:
    """The server of PyTriton's wheel, which has the Python backend only."""
    python = python_of("triton")
    (site,) = python.parents[1].glob("lib/python3.*/site-packages")
    server = site / "pytriton" / "tritonserver"
    repository = contest.folder()
    folder = repository / work.name
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "model.py").symlink_to(APPS / f"{model}.py")
    # Its process does not get our PYTHONPATH.
    for module in ("peer_model", "onnx_model", "estimator_model"):
        (folder / "1" / f"{module}.py").symlink_to(APPS / f"{module}.py")
    (folder / "config.pbtxt").write_text(triton_config(contest, work, batch))
    command = [server / "bin" / "tritonserver", f"--model-repository={repository}"]
    command += [f"--http-address={HOST}", "--http-port=PORT", "--log-info=false"]
    command += ["--allow-grpc=false", "--allow-metrics=false"]
    command += [f"--backend-directory={triton_backends(contest, server)}"]
    libraries = f"{site}/nvidia_pytriton.libs:{sysconfig.get_config_var('LIBDIR')}"
    path = f"{python.parent}:/usr/bin:/bin"
    return command, {"LD_LIBRARY_PATH": libraries, "PATH": path}


def triton_backends(contest: Contest, server: Path) -> Path:
    """The backend beside the stub of this Python, which it would not find elsewhere."""
    version = sysconfig.get_python_version()
    stub = server / "python_backend_stubs" / version / "triton_python_backend_stub"
    backends = contest.folder()
    (backends / "python").mkdir()
    for file in (stub, *(server / "backends" / "python").iterdir()):
        (backends / "python" / file.name).symlink_to(file)
    return backends


def triton_config(contest: Contest, work: Work, batch: int) -> str:
    """Inputs and outputs as the first request and its answer have them.

    Where rows of several requests, so many at most, may go into a call together, the
    shapes are told without the axis of rows.
    """
    requests, answers = read(contest.data, work.name, "v2")
    tensors = [("input", tensor) for tensor in requests[0]["inputs"]]
    tensors += [("output", tensor) for tensor in answers[0]["outputs"]]
    lines = [f'name: "{work.name}"', 'backend: "python"']
    first = [] if batch else ["-1"]
    lines += [triton_tensor(kind, tensor, first) for kind, tensor in tensors]
    if batch:
        lines += [f"max_batch_size: {batch}", "dynamic_batching { }"]
    lines.append("instance_group [{ count: 2 kind: KIND_CPU }]")
    return "\n".join(lines)


def triton_tensor(kind: str, tensor: Json, first: list[str]) -> str:
    shape = [*first, *map(str, tensor["shape"][1:])]
    # A tensor must have an axis besides that of rows, here one that the model lacks.
    dims = f"dims: [{', '.join(shape)}]" if shape else "dims: [1] reshape { shape: [] }"
    of = f'name: "{tensor["name"]}" data_type: TYPE_{tensor["datatype"]}'
    return f"{kind} [{{ {of} {dims} }}]"
