"""A large tensor through a model in Python and back, in binary both ways."""

import http.client
import json
from hashlib import sha256
from pathlib import Path
from typing import Self

import peer_programs
from contest import Contest, start_of
from outcome import Bar, Outcome, Verdict
from peer_programs import Command
from peers import Peer
from work import Json, Work, binary_parts, read

CONNECTIONS = 8
WORKERS = 2


class Echo(Work):
    """Binary tensors of which the answers are binary too."""

    @classmethod
    def of(cls, data: Path) -> Self:
        requests, answers = read(data, "echo", "v2")
        wish = {"name": "y", "parameters": {"binary_data": True}}
        parts = [
            binary_parts(request["inputs"][0], outputs=[wish]) for request in requests
        ]
        for answer, (_head, elements) in zip(answers, parts, strict=True):
            answer["outputs"][0]["data"] = digest(elements)
        headers = {"Inference-Header-Content-Length": str(len(parts[0][0]))}
        bodies = [head + elements for head, elements in parts]
        path = "/v2/models/echo/infer"
        return cls("echo", "v2 binary", path, bodies, answers, headers)

    def read_answer(self, response: http.client.HTTPResponse, body: bytes) -> Json:
        length = int(response.headers["Inference-Header-Content-Length"])
        answer = json.loads(body[:length])
        answer["outputs"][0]["data"] = digest(body[length:])
        return answer


def digest(elements: bytes) -> str:
    """Short enough to be shown where it is the wrong one."""
    return sha256(elements).hexdigest()


def triton(contest: Contest, work: Work) -> Command:
    return peer_programs.triton(contest, work, model="triton_echo")


def run(contest: Contest) -> Outcome:
    work = Echo.of(contest.data)
    title = f"{work.title}, Python"
    peer = Peer(f"Triton, {WORKERS} instances", triton, [])
    ours = contest.in_python("echo", WORKERS)
    with ours.start(work) as server, peer.program(contest, work).start(work) as other:
        pair = (server, other)
        for one in pair:
            work.check(one.address)
        comparison = contest.compare(title, pair, work, CONNECTIONS)
        for one in pair:
            work.check(one.address)
        starts = [start_of(title, one) for one in pair]
    what = f"{title}, c={CONNECTIONS}, {WORKERS} workers: rate to Triton's"
    verdict = Verdict.of_ratio(what, comparison.rate, Bar(1.5))
    return Outcome([comparison], [verdict], starts)
