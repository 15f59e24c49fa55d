"""Two nodes on one machine, and one of them dies under load: ``python -m bench.nodes``, as root on Linux.

Each node is a network namespace with an address of its own, so that ports and HAProxies are as they are on two
machines; they share the file system. The config is the shipped one with two replicas a stage, reachable from the
other node. The load is asked of the head; the node that dies is the other one, since the head has the cluster's state.
"""

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from bench import ROOT, BenchError
from bench.chaos import repository, told
from bench.fault_load import fault_load
from bench.processes import leave_in_order
from bench.table import markdown
from testkit.service import fast_path

ADDRESSES: Final = {"head": "10.83.0.1", "worker": "10.83.0.2"}
STAGES: Final = ("Preprocess", "GestureGRU", "Postprocess")
WITHIN_S: Final = 180.0
TOKEN: Final = "0" * 64  # of a cluster that nobody outside its two namespaces reaches
PORT: Final = 8000


def command(*words: str) -> None:
    """Run a command that has to succeed."""
    subprocess.run(words, check=True, capture_output=True, timeout=60)


def namespace(node: str) -> str:
    """The name of a node's network namespace."""
    return f"helen-{node}"


@contextlib.contextmanager
def two_namespaces() -> Iterator[None]:
    """A network namespace a node, joined by a cable; gone afterwards."""
    try:
        for node in ADDRESSES:
            command("ip", "netns", "add", namespace(node))
        ends = [f"helen-{node}" for node in ADDRESSES]
        command("ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for (node, address), end in zip(ADDRESSES.items(), ends, strict=True):
            command("ip", "link", "set", end, "netns", namespace(node))
            within(node, "ip", "addr", "add", f"{address}/24", "dev", end)
            within(node, "ip", "link", "set", end, "up")
            within(node, "ip", "link", "set", "lo", "up")
        yield
    finally:
        for node in ADDRESSES:
            subprocess.run(["ip", "netns", "del", namespace(node)], capture_output=True, check=False)


def within(node: str, *words: str, environment: dict[str, str] | None = None) -> str:
    """Run a command in a node's namespace; its output."""
    done = subprocess.run(
        ["ip", "netns", "exec", namespace(node), *words],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN_S,
    )
    if done.returncode:
        raise BenchError(f"{' '.join(words[:3])} failed on the {node}: {(done.stdout + done.stderr)[-2000:]}")
    return done.stdout


def processes_of(node: str) -> list[int]:
    """The processes in a node's namespace."""
    listed = subprocess.run(["ip", "netns", "pids", namespace(node)], capture_output=True, text=True, check=False)
    return [int(pid) for pid in listed.stdout.split()]


def kill(node: str) -> int:
    """Kill every process of a node at once; how many there were."""
    pids = processes_of(node)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return len(pids)


def replicas_on(node: str) -> dict[str, int]:
    """How many replicas of each stage run on a node, by the titles of its processes."""
    titles = []
    for pid in processes_of(node):
        with contextlib.suppress(OSError):
            titles.append(Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace"))
    return {stage: sum(title.startswith(f"ray::ServeReplica:helen:{stage}") for title in titles) for stage in STAGES}


def config_of() -> dict[str, Any]:
    """The shipped config, with two replicas of each stage, reachable from the other node."""
    config: dict[str, Any] = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    config["http_options"] |= {"host": "0.0.0.0", "port": PORT}  # noqa: S104 - within the two namespaces
    for deployment in config["applications"][0]["deployments"]:
        deployment["autoscaling_config"] |= {"min_replicas": 2, "max_replicas": 2}
    return config


@contextlib.contextmanager
def cluster(models: Path) -> Iterator[dict[str, str]]:
    """A head and a worker, with the service deployed on both; what commands on it need in their environment."""
    scratch = Path(tempfile.mkdtemp(prefix="hn-"))  # short: Ray puts sockets in it
    environment = os.environ | fast_path()
    environment |= {
        "HELEN_MODEL_PATHS": str(models),
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_TOKEN": TOKEN,
        "RAY_TMPDIR": str(scratch),
    }
    try:
        for node, address in ADDRESSES.items():
            joins = (
                ["--head", "--dashboard-host=127.0.0.1"] if node == "head" else [f"--address={ADDRESSES['head']}:6379"]
            )
            own = environment | {"RAY_SERVE_HAPROXY_CONFIG_FILE_LOC": str(scratch / node / "haproxy.cfg")}
            within(node, "ray", "start", *joins, f"--node-ip-address={address}", "--num-cpus=2", environment=own)
            print(f"the {node} is up", flush=True)
        config = scratch / "serve_config.yaml"
        config.write_text(yaml.safe_dump(config_of()))
        within("head", "serve", "deploy", str(config), environment=environment)
        wait_for_replicas()
        yield environment
    finally:
        for node in ADDRESSES:
            kill(node)
        shutil.rmtree(scratch, ignore_errors=True)


def wait_for_replicas() -> None:
    """Wait until every stage has a replica on both nodes."""
    deadline_s = time.monotonic() + WITHIN_S
    while not all(all(replicas_on(node).values()) for node in ADDRESSES):
        if time.monotonic() > deadline_s:
            raise BenchError(
                f"the replicas did not spread: {json.dumps({node: replicas_on(node) for node in ADDRESSES})}"
            )
        time.sleep(0.5)


def measure(options: argparse.Namespace) -> str:
    """In the head's namespace: load, the death of the worker, and a row of what came of it."""
    url = f"http://127.0.0.1:{PORT}"
    deadline_s = time.monotonic() + WITHIN_S
    while time.monotonic() < deadline_s:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                break
        time.sleep(0.5)
    time.sleep(5)  # HAProxy learns of the other node's replicas
    spread = {node: replicas_on(node) for node in ADDRESSES}
    with fault_load(url, clients=options.clients, raw=options.raw, rate=options.rate, retries=options.retries) as load:
        time.sleep(5)
        died_s = time.monotonic()
        print(f"replicas: {json.dumps(spread)}; killed {kill('worker')} processes of the worker", flush=True)
        time.sleep(options.seconds)
        late = load.answered_since(died_s + options.seconds - 5)
    header = [
        "what was done",
        "raw requests",
        "raw errors",
        "Helen client",
        "lost",
        "trouble for",
        "answered in the last 5 s",
    ]
    row = ["kill -9 of a whole worker node", str(len(load.raw)), told(load.errors()), str(len(load.helen))]
    row += [told(load.lost()), f"{load.recovery_s(died_s):.1f} s", str(late)]
    return markdown(header, [row])


def main(options: argparse.Namespace) -> int:
    """Start both nodes, kill one, print; the second half runs in the head's namespace."""
    leave_in_order()
    if options.inside:
        print(measure(options))
        return 0
    if os.geteuid() != 0:
        sys.exit("bench.nodes makes network namespaces, which takes root")
    with two_namespaces(), repository() as models, cluster(models) as environment:
        again = [sys.executable, "-m", "bench.nodes", *sys.argv[1:], "--inside"]
        print(within("head", *again, environment=environment))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.nodes", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--seconds", type=float, default=30, help="of load after the node's death (30)")
    parser.add_argument("--clients", type=int, default=64, help="connections of the Helen client (64)")
    parser.add_argument("--raw", type=int, default=16, help="raw connections without retries beside them (16)")
    parser.add_argument("--rate", type=float, default=1.5, help="requests a second of each (1.5)")
    parser.add_argument("--retries", type=int, default=8, help="HELEN_CLOUD_RETRIES of the Helen client (8)")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    sys.exit(main(parser.parse_args()))
