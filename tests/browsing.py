"""A real browser without a window, driven over its debugging pipe, with the network off.

The pipe carries JSON, each message ended by a zero byte, both ways (Chrome DevTools Protocol). It needs nothing else.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import sys
import time

from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = next((found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None)
"""The browser; None where there is none."""
MISSING = "chromium is not installed: apt-get install chromium"
_PATIENCE_S = 60.0
_CONNECTED = """
import fcntl, os, sys
reads, writes = (fcntl.fcntl(int(number), fcntl.F_DUPFD_CLOEXEC, 10) for number in sys.argv[1:3])
os.dup2(reads, 3)
os.dup2(writes, 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Starts a browser with its pipe on the two descriptors on which it looks for it."""


class Browser:
    """One page in one browser.

    Args:
        process: the browser, with its debugging pipe on the descriptors 3 and 4.
        sending: our end of what it reads.
        hearing: our end of what it writes.

    Attributes:
        complaints: errors of the console, exceptions and refused requests since the page was opened.
        asked: addresses that the page has asked for, other than data.
    """

    def __init__(self, process: subprocess.Popen[bytes], sending: int, hearing: int) -> None:
        self.process = process
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self._sending = sending
        self._hearing = hearing
        self._heard = b""
        self._number = 0
        self._session = ""
        self._loaded = False

    def attach(self) -> None:
        """Begin with an empty page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")
        self.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)

    def open(self, page: Path, fragment: str = "", *, width: int = 1400, height: int = 2000, dark: bool = False) -> None:
        """Open a file and wait until it has loaded."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url="about:blank")
        self.complaints, self.asked, self._loaded = [], [], False
        self.call("Page.navigate", url=f"{page.resolve().as_uri()}{fragment}")
        until = time.monotonic() + _PATIENCE_S
        while not self._loaded or self.value("location.href === 'about:blank'"):
            assert time.monotonic() < until, "the page did not load"
            self._listen(0.05)

    def value(self, script: str) -> Any:
        """What an expression comes to, promises awaited.

        Raises:
            AssertionError: it threw.
        """
        done = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True, userGesture=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def wait(self, script: str) -> None:
        """Wait until an expression is true."""
        until = time.monotonic() + _PATIENCE_S
        while not self.value(f"Boolean({script})"):
            assert time.monotonic() < until, f"never true: {script}"
            time.sleep(0.02)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press and let go of a key."""
        text = {"text": key} if len(key) == 1 else {}
        about = {"key": key, "code": "Space" if key == " " else key, "modifiers": 8 * shift}
        self.call("Input.dispatchKeyEvent", type="keyDown", **about, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **about)

    def click(self, x: float, y: float) -> None:
        """Click somewhere in the window, in CSS pixels."""
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", buttons=1, clickCount=1)

    def point(self, x: float, y: float) -> None:
        """Move the pointer somewhere."""
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def screenshot(self, *, whole: bool = False) -> bytes:
        """PNG of the window, or of the whole page."""
        done = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        return base64.b64decode(done["data"])

    def printed(self) -> bytes:
        """PDF of the page."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol and its result.

        Raises:
            AssertionError: the browser says that it cannot, or does not answer.
        """
        self._number += 1
        number = self._number
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._sending, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + _PATIENCE_S
        while time.monotonic() < until:
            for answer in self._listen(1.0):
                if answer.get("id") == number:
                    assert "error" not in answer, f"{method}: {answer['error']}"
                    result: dict[str, Any] = answer["result"]
                    return result
        raise AssertionError(f"{method}: the browser does not answer")

    def _listen(self, seconds: float) -> list[dict[str, Any]]:
        """Answers that have come; what happens meanwhile is noted."""
        if not select.select([self._hearing], [], [], seconds)[0]:
            return []
        piece = os.read(self._hearing, 1 << 20)
        assert piece, f"the browser has ended with {self.process.poll()}"
        *whole, self._heard = (self._heard + piece).split(b"\0")
        messages = [json.loads(each) for each in whole]
        for message in messages:
            self._note(message.get("method", ""), message.get("params", {}))
        return [message for message in messages if "id" in message]

    def _note(self, method: str, about: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(about["exceptionDetails"])[:600])
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.complaints.append(about["entry"]["text"])
        elif method == "Runtime.consoleAPICalled" and about["type"] in ("error", "warning", "assert"):
            self.complaints.append(json.dumps(about["args"])[:600])
        elif method == "Network.requestWillBeSent":
            url = about["request"]["url"]
            if not url.startswith(("data:", "about:", "blob:")):
                self.asked.append(url)


@contextlib.contextmanager
def browsing(profile: Path) -> Iterator[Browser]:
    """A browser for as long as the context lasts.

    Args:
        profile: an empty folder for what it keeps.
    """
    assert CHROMIUM is not None
    reads, sending = os.pipe()
    hearing, writes = os.pipe()

    command = [CHROMIUM, "--headless", "--remote-debugging-pipe", f"--user-data-dir={profile}", "--no-sandbox", "--disable-gpu"]
    command += ["--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
    command += ["--disable-sync", "--disable-extensions", "--autoplay-policy=no-user-gesture-required", "--hide-scrollbars"]
    connected = [sys.executable, "-c", _CONNECTED, str(reads), str(writes), *command]
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(connected, pass_fds=(reads, writes), stdin=nowhere, stdout=nowhere, stderr=nowhere)
    os.close(reads)
    os.close(writes)
    browser = Browser(process, sending, hearing)
    try:
        browser.attach()
        yield browser
    finally:
        with contextlib.suppress(OSError, AssertionError):
            browser._session = ""
            browser.call("Browser.close")
        os.close(sending)
        os.close(hearing)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
