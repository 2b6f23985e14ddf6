"""Prometheus' own `promtool`, which reads and lints metrics."""

from commands import IRIS, IRIS_PATH, output

CLIENT = "promtool"
CHECKED = "`check metrics` has nothing to say"
OF_DEBIAN = True


def version() -> str:
    return output("promtool", "--version").split("version ")[1].split(" ")[0]


def check_metrics(address: str) -> None:
    output("curl", "--silent", "-d", IRIS, f"http://{address}{IRIS_PATH}")
    metrics = output("curl", "--silent", f"http://{address}/metrics")
    assert "loadonce_requests_total" in metrics, metrics
    said = output("promtool", "check", "metrics", given=metrics.encode())
    assert not said, said
