"""What runs first in a job: `python -m cluster.entry [--shared FILE]... -- COMMAND WORD...`

It finds out what only the cluster's own machine can tell, then gives the words to the command line as if they had been typed.

Rules
- Nothing but the standard library is imported before it is known that the program can run in this Python.
- The log is for people and for whoever follows the job: it begins with one line of ours, and the command's result stands at
  its end, between two others. All in between is what the command says on the way.
- That first line is there when all has been checked that is checked here: whoever leaves then leaves a job that works.
- A file given with --shared was put beside an output by whoever handed the job in. Where it is missing, the disks are not the
  same, and the output would be lost here.
"""

# ruff: noqa: T201 - the log is what it prints

from __future__ import annotations

import contextlib
import importlib.util
import io
import json
import os
import socket
import sys

from collections.abc import Sequence
from pathlib import Path

BEGUN = "textuportray job"
"""How the first line of ours begins."""
RESULT, END = "--- result", "--- end of result"
"""The lines around the result."""
NEEDED = (
    "ai_edge_litert autogen_agentchat autogen_core autogen_ext av cv2 fsspec mcap msgpack numpy openai PIL pydantic ray scipy "
    "structlog torch yaml zstandard".split()
)  # fmt: skip
"""What the program imports, by its modules: those of the dependencies in pyproject.toml."""
_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Where Ray says which job this is."""


def main(words: Sequence[str]) -> int:
    """Run a command as a job; its exit code.

    Args:
        words: as they stand in the entrypoint.
    """
    at = list(words).index("--")
    shared = [Path(word) for word in words[:at] if word != "--shared"]
    command = list(words[at + 1 :])
    begun = f"{BEGUN} {submission_id() or 'of nobody'} on {socket.gethostname()}"
    reason = _missing() or _elsewhere(shared)
    if reason:
        # Written at once: who leaves as soon as the job has begun is not to read the one without the other.
        sys.stderr.write(f"{begun}\ntextuportray: {reason}\n")
        return 1
    print(begun, flush=True)
    from runtime import cli  # noqa: PLC0415 - it can be imported, as is known by now

    sys.argv = ["textuportray", *command]
    with contextlib.redirect_stdout(io.StringIO()) as held:
        code = cli.main()
    if held.getvalue():
        sys.stderr.flush()
        print(f"{RESULT}\n{held.getvalue().rstrip()}\n{END}", flush=True)
    return code


def submission_id() -> str:
    """The id of the job that this process runs in; "" if it runs in none."""
    try:
        config = json.loads(os.environ.get(_CONFIG, ""))
        return str(config["metadata"]["job_submission_id"])
    except (ValueError, KeyError, TypeError):
        return ""


def _missing() -> str:
    """What this Python lacks, as a paragraph; "" if it has everything."""
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if not missing:
        return ""
    return (
        f"{sys.executable} on {socket.gethostname()}, which runs the job, has no {', '.join(missing)}. Install textuportray "
        "with its dependencies on the cluster's nodes. Where that is done in a virtual environment, start Ray with the "
        "environment activated: a job runs the `python` that comes first in the PATH of `ray start`."
    )


def _elsewhere(shared: Sequence[Path]) -> str:
    """Which of the folders is another one here than where the job was handed in, as a paragraph; "" if none is."""
    for path in shared:
        if not path.is_file():
            return (
                f"{path.parent} on {socket.gethostname()}, where the job runs, is not the folder of that name where it was "
                "handed in, so what is written there would not be found. Name a URL such as s3://bucket/smile.mp4, or a "
                "folder on a disk that both share."
            )
        with contextlib.suppress(OSError):
            path.unlink()  # it has served its purpose
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
