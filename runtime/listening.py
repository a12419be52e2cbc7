"""Whether anybody listens where a language model is to be asked, found out before any work.

A planner that finds nobody goes by the embedded one, as it has to in the middle of a take. At its beginning that is not what
was asked for.
"""

from __future__ import annotations

import socket
import threading

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from protocol.language_model import LanguageModel
from runtime.take_error import TakeError

KNOCKING_SECONDS = 1.5
"""For which a server is knocked at; one that has neither answered nor refused by then may be slow, and is asked."""


def require_listening(model: LanguageModel | None) -> None:
    """Make sure that somebody listens where a language model is to be asked; nothing is asked yet.

    A server behind a proxy is left to the proxy.

    Args:
        model: who is to be asked; None for the embedded planner.

    Raises:
        TakeError: nobody does, or nobody knows the server's name.
    """
    if model is None:
        return
    address = urlsplit(model.url)
    host = address.hostname or ""
    proxies = getproxies()
    if (address.scheme in proxies or "all" in proxies) and not proxy_bypass(host):
        return
    port = address.port or (443 if address.scheme == "https" else 80)
    refused: list[OSError] = []

    def knock() -> None:
        try:
            socket.create_connection((host, port), timeout=KNOCKING_SECONDS).close()
        except TimeoutError:
            pass
        except UnicodeError:  # a part of it is empty, or longer than 63 letters
            refused.append(socket.gaierror(socket.EAI_NONAME, "no host can have that name"))
        except OSError as error:
            refused.append(error)

    # Looking up a name cannot be broken off, so it is left behind in its thread where it takes too long.
    knocking = threading.Thread(target=knock, name="knocking", daemon=True)
    knocking.start()
    knocking.join(KNOCKING_SECONDS)
    if not refused:
        return
    reason = (refused[0].strerror or str(refused[0])).rstrip(".")
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    what = f"nobody knows a host {host!r}" if isinstance(refused[0], socket.gaierror) else f"nobody answers at {where}"
    raise TakeError(
        f"{what} ({reason}), so there is no language model to ask at {model.url}. Start its server, or say with --llm-base-url "
        "or TEXTUPORTRAY_LLM_BASE_URL where it is; --planner lexicon plans without one."
    )
