"""deploy/nginx.conf in a real nginx of one's own, with a self-signed certificate, in front of whatever is named."""

import asyncio
import contextlib
import os
import re
import ssl
import subprocess
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from serve_app.settings import PROJECT_ROOT
from testkit.programs import require_program
from testkit.service import free_ports

CONFIG = PROJECT_ROOT / "deploy" / "nginx.conf"
NAME = "helen.example.org"

Changes = Sequence[tuple[str, str]]  # patterns, and what takes their place


@dataclass(frozen=True)
class NginxFront:
    """A running nginx: its ports, the certificate that it shows, and the folder of its logs."""

    plain: int
    tls: int
    certificate: Path
    folder: Path

    def client(self) -> httpx.AsyncClient:
        """A client that believes the certificate and asks by its name."""
        return httpx.AsyncClient(
            base_url=f"https://{NAME}:{self.tls}", verify=self.trust(), transport=self.here(), timeout=60
        )

    def here(self) -> httpx.AsyncHTTPTransport:
        """Connections to the name that end up on this machine."""
        return Loopback(verify=self.trust())

    def trust(self) -> ssl.SSLContext:
        """A TLS context in which this certificate alone is good."""
        return ssl.create_default_context(cafile=str(self.certificate))


class Loopback(httpx.AsyncHTTPTransport):
    """Connects to 127.0.0.1, and names the host that was asked for in TLS and in the request."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions = dict(request.extensions) | {"sni_hostname": request.url.host}
        request.url = request.url.copy_with(host="127.0.0.1")
        return await super().handle_async_request(request)


def adapt_config(folder: Path, upstream: str, changes: Changes) -> tuple[str, int, int]:
    """The shipped config, on ports and with paths of its own, and with ``changes``; and its ports."""
    plain, tls = free_ports(2)
    text = CONFIG.read_text()
    replacements = (
        (r"listen 80\b", f"listen 127.0.0.1:{plain}"),
        (r"listen 443\b", f"listen 127.0.0.1:{tls}"),
        (r"/etc/helen/tls", str(folder)),
        (r"/var/log/nginx", str(folder)),
        (r"server 127\.0\.0\.1:8000", f"server {upstream}"),
        *changes,
    )
    for pattern, replacement in replacements:
        text, count = re.subn(pattern, replacement, text)
        assert count, f"{pattern} is no longer in the config"
    return text, plain, tls


@contextlib.asynccontextmanager
async def nginx_front(folder: Path, upstream: str, changes: Changes = ()) -> AsyncIterator[NginxFront]:
    """nginx with the shipped config in front of ``upstream`` (``host:port``), but for ``changes``, which must apply."""
    certificate, key = folder / "fullchain.pem", folder / "privkey.pem"
    made = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME}".split()
    made += ["-keyout", str(key), "-out", str(certificate)]
    openssl = await asyncio.create_subprocess_exec(require_program("openssl"), *made, stderr=subprocess.DEVNULL)
    assert await openssl.wait() == 0
    text, plain, tls = adapt_config(folder, upstream, changes)
    (folder / "helen.conf").write_text(text)
    user = "user root;" if os.geteuid() == 0 else ""
    kept = " ".join(
        f"{name}_temp_path {folder / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    main.write_text(
        f"daemon off; {user} worker_processes 2; pid {folder / 'nginx.pid'}; error_log {folder / 'error.log'};\n"
        f"events {{ worker_connections 2048; }}\nhttp {{ {kept}\ninclude {folder / 'helen.conf'}; }}\n"
    )
    child = await asyncio.create_subprocess_exec(
        *(require_program("nginx"), "-e", str(folder / "error.log"), "-c", str(main)),
        stderr=subprocess.PIPE,
        start_new_session=True,  # as on a box, where the kernel shares the cores between it and the others as equals
    )
    try:
        await wait_until_open(plain, child)
        yield NginxFront(plain, tls, certificate, folder)
    finally:
        if child.returncode is None:
            child.terminate()
        await child.communicate()


async def wait_until_open(port: int, child: asyncio.subprocess.Process) -> None:
    """Wait until nginx listens; the caller sets the deadline."""
    while True:
        if child.returncode is not None:
            _, output = await child.communicate()
            raise AssertionError(f"nginx did not start: {output.decode()}")
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            await writer.wait_closed()
            return
