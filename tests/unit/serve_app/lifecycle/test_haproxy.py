"""A real HAProxy: its port is closed, its requests are counted, and who has gone is no trouble."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from ray.serve._private.haproxy import get_haproxy_binary

from serve_app.lifecycle.haproxy import FRONTEND, HAProxy, find_proxies
from serve_app.lifecycle.shutdown import close_ports, is_busy

WAIT_S = 10
CONFIG = """
global
    stats socket {folder}/admin.sock level admin expose-fd listeners
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend {frontend}
    bind 127.0.0.1:{port}
    default_backend service
backend service
    server one 127.0.0.1:{server}
"""


@contextmanager
def haproxy(folder: Path, server: int) -> Iterator[tuple[HAProxy, int]]:
    """A HAProxy as Serve sets it up, in front of ``server``; and its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config = folder / "haproxy.cfg"
    config.write_text(CONFIG.format(folder=folder, frontend=FRONTEND, port=port, server=server))
    with subprocess.Popen([get_haproxy_binary(), "-db", "-f", str(config)], stderr=subprocess.DEVNULL) as process:
        try:
            proxy = HAProxy(folder / "admin.sock")
            deadline = time.monotonic() + WAIT_S
            while True:
                try:
                    assert proxy.count_requests() == 0
                    break
                except OSError:
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
            yield proxy, port
        finally:
            process.kill()


def test_a_closed_port_refuses_and_the_request_that_is_under_way_is_answered(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, haproxy(tmp_path, server.getsockname()[1]) as (proxy, port):
        with closing(socket.create_connection(("127.0.0.1", port), WAIT_S)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            replica, _ = server.accept()
            with closing(replica):
                assert replica.recv(1000)
                assert is_busy(proxy)
                close_ports([proxy])
                close_ports([proxy])  # again does no harm
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port), WAIT_S)
                replica.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
                answer = client.recv(1000).decode().lower()
        assert answer.startswith("http/1.1 200 ok")
        assert "connection: close" in answer
        deadline = time.monotonic() + WAIT_S
        while is_busy(proxy):
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_one_that_has_gone_is_not_busy(tmp_path: Path) -> None:
    gone = HAProxy(tmp_path / "admin.sock")
    close_ports([gone])
    assert not is_busy(gone)


def test_the_proxy_of_a_node_is_found_in_the_folder_of_its_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_SERVE_HAPROXY_SOCKET_PATH", str(tmp_path / "admin.sock"))
    for node in ("a1", "b2"):
        (tmp_path / node).mkdir()
        (tmp_path / node / "admin.sock").touch()
    assert find_proxies("a1") == [HAProxy(tmp_path / "a1" / "admin.sock")]
    assert len(find_proxies()) == 2
