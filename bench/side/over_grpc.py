"""gRPC with raw contents beside HTTP with binary tensors, both under `h2load`."""

import json
import re
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import quantiles

from against_floor import ONNX_RUNTIME
from contest import Contest
from load import LoadError, Meter, Window
from messages import framed, infer_request, raw_outputs
from outcome import Bar, Comparison, Outcome
from pairs import take_turns
from server import Server
from work import Json, Work, WrongAnswerError, binary_parts, compact, difference

METHOD = "/inference.GRPCInferenceService/ModelInfer"
DONE = re.compile(r"requests: (\d+) total, .* (\d+) succeeded, 0 failed, 0 errored")
MODEL = "iris"
# The label and three probabilities.
OUTPUTS = struct.Struct("<q3f")


@dataclass(frozen=True)
class Call:
    """A request that is sent again and again, over HTTP/1.1 or HTTP/2."""

    name: str
    path: str
    body: bytes
    headers: dict[str, str]
    h2load: tuple[str, ...] = ()
    curl: str = "--http2-prior-knowledge"

    def head(self) -> Iterator[str]:
        for name, value in self.headers.items():
            yield from ("-H", f"{name}: {value}")


def calls(row: list[float]) -> tuple[Call, Call]:
    """The same question over gRPC and over HTTP, answered in bytes by both."""
    shape = [1, len(row)]
    tensor = {"name": "X", "shape": shape, "datatype": "FP32", "data": row}
    head, elements = binary_parts(tensor)
    all_binary = {"parameters": {"binary_data_output": True}}
    head = compact(json.loads(head) | all_binary)
    lengths = {"inference-header-content-length": str(len(head))}
    message = framed(infer_request(MODEL, tensor, elements))
    kind = {"content-type": "application/grpc", "te": "trailers"}
    path = f"/v2/models/{MODEL}/infer"
    http = Call("HTTP, binary", path, head + elements, lengths, ("--h1",), "--http1.1")
    return Call("gRPC, raw", METHOD, message, kind), http


def run(contest: Contest) -> Outcome:
    work = Work.rows(MODEL, contest.data)
    comparisons = []
    with contest.ours(MODEL, ONNX_RUNTIME).start(work) as server:
        for body, answer in zip(work.bodies, work.answers, strict=True):
            for call in calls(json.loads(body)["instances"][0]):
                check(server, call, answer["predictions"][0])
        grpc, http = calls(json.loads(work.bodies[0])["instances"][0])
        for connections in (8, 64):
            turns = [
                partial(h2load, server, call, connections, contest.seconds)
                for call in (grpc, http)
            ]
            pairs = take_turns(*turns, contest.pairs)
            comparison = Comparison.of(
                f"iris, {grpc.name}", http.name, connections, pairs
            )
            print(f"  {comparison}", flush=True)
            comparisons.append(comparison)
    return Outcome.of_rates("iris, gRPC raw to HTTP binary", comparisons, Bar(0.5))


def check(server: Server, call: Call, right: Json) -> None:
    """Asks once with curl, and compares the bytes of the outputs."""
    url = f"http://{server.address}{call.path}"
    command = ["curl", "-sS", call.curl, "--data-binary", "@-", *call.head(), url]
    body = subprocess.run(
        command, input=call.body, capture_output=True, check=True
    ).stdout
    outputs = (
        b"".join(raw_outputs(body)) if call.path == METHOD else body[-OUTPUTS.size :]
    )
    label, *probabilities = OUTPUTS.unpack(outputs)
    got = {"label": label, "probabilities": probabilities}
    if wrong := difference(got, right):
        raise WrongAnswerError(f"{call.name}: {wrong}")


def h2load(server: Server, call: Call, connections: int, seconds: int) -> Window:
    """Asks on so many connections, one request at a time on each, for so long."""
    with tempfile.TemporaryDirectory() as folder:
        body, log = Path(folder, "body"), Path(folder, "log")
        body.write_bytes(call.body)
        command = [
            "h2load",
            "-t1",
            f"-c{connections}",
            "-m1",
            f"-D{seconds}",
            *call.h2load,
        ]
        command += [*call.head(), "-d", body, f"--log-file={log}"]
        command += [f"http://{server.address}{call.path}"]
        meter = Meter(server)
        ended = subprocess.run(command, check=True, capture_output=True, text=True)
        cpu, others = meter.read()
        lines = log.read_text().splitlines()
    done = DONE.search(ended.stdout)
    if not done or int(done[2]) == 0:
        raise LoadError(f"{call.name}: {ended.stdout}")
    latencies = quantiles((int(line.split("\t")[2]) / 1e3 for line in lines), n=100)
    requests = int(done[2])
    return Window(
        rate=requests / seconds,
        p50=latencies[49],
        p99=latencies[98],
        cpu=1e3 * cpu / requests,
        noise=others / seconds,
    )
