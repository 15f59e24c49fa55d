"""A headless Chromium that tests type into, driven over its DevTools protocol."""

import asyncio
import base64
import contextlib
import itertools
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--lang=en",
)


def find_browser() -> str | None:
    """The browser's path, where there is one."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Tab:
    """A page in the browser."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._ids = itertools.count(1)

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command of the protocol, and wait for its result."""
        number = next(self._ids)
        await self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(await self._socket.recv())
            if message.get("id") == number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result

    async def evaluate(self, script: str) -> Any:
        """The value of an expression in the page."""
        result = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    async def until(self, condition: str) -> None:
        """Wait until an expression is true; the caller sets the deadline."""
        while True:
            with contextlib.suppress(AssertionError):  # a page that is being replaced has no context to evaluate in
                if await self.evaluate(f"Boolean({condition})"):
                    return
            await asyncio.sleep(0.1)

    async def picture(self) -> bytes:
        """What the page looks like, as PNG."""
        return base64.b64decode((await self.call("Page.captureScreenshot"))["data"])


@asynccontextmanager
async def chromium(browser: str, profile: Path, url: str) -> AsyncIterator[Tab]:
    """A browser with a profile of its own that shows a URL; ended with the context."""
    child = await asyncio.create_subprocess_exec(
        *(browser, *FLAGS, "--remote-debugging-port=0", "--window-size=1200,900", f"--user-data-dir={profile}", url),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with connect(await find_page_address(profile), max_size=None) as socket:
            yield Tab(socket)
    finally:
        child.kill()
        await child.wait()


async def find_page_address(profile: Path) -> str:
    """Where the page's DevTools listen, once they do."""
    port_file = profile / "DevToolsActivePort"
    async with httpx.AsyncClient() as client:
        while True:
            with contextlib.suppress(OSError, IndexError, httpx.TransportError):
                port = port_file.read_text().splitlines()[0]
                targets = (await client.get(f"http://127.0.0.1:{port}/json/list")).json()
                pages = [target for target in targets if target["type"] == "page"]
                if pages:
                    return str(pages[0]["webSocketDebuggerUrl"])
            await asyncio.sleep(0.1)


@asynccontextmanager
async def another_tab(profile: Path, script: str = "") -> AsyncIterator[Tab]:
    """One more empty tab of the browser that runs with a profile; ``script`` runs before those of each of its pages."""
    port = (profile / "DevToolsActivePort").read_text().splitlines()[0]
    async with httpx.AsyncClient() as client:
        target = (await client.put(f"http://127.0.0.1:{port}/json/new?about:blank")).json()
        async with connect(target["webSocketDebuggerUrl"], max_size=None) as socket:
            tab = Tab(socket)
            await tab.call("Page.enable")
            await tab.call("Page.addScriptToEvaluateOnNewDocument", source=script)
            yield tab
        await client.get(f"http://127.0.0.1:{port}/json/close/{target['id']}")
