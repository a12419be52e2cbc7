"""Write the generated parts of the documentation anew; `make docs` runs it.

What the parts say is made in `protocol.documentation`; the conversation in the README is what the program prints; the page of
the gallery is made in `docs.strips`, its pictures by `make gallery`. A test compares the result with the files.
"""

from __future__ import annotations

import subprocess
import sys

from pathlib import Path
from tempfile import TemporaryDirectory

from configs.loading import builtin, parse_yaml_model, read_text
from configs.tables import build, read_texts
from docs import strips
from protocol.documentation import filled, schemas, sections
from protocol.rules import RuleSet
from tests.mutations import MUTATIONS

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = "She grins broadly and turns her head quickly to the right"
"""The direction of the README's conversation: the cheeks have to follow the grin, and the eyes the head."""


def documents() -> dict[Path, str]:
    """Every file with generated parts, as it should be."""
    rules = parse_yaml_model(read_text(builtin("constraints.yaml")), "configs/constraints.yaml", RuleSet)
    parts = {**sections(rules), "conversation": conversation(), "mistakes": mistakes()}
    names = ("README.md", "docs/protocol.md", "docs/checking.md")
    pages = {ROOT / name: filled((ROOT / name).read_text(encoding="utf-8"), parts) for name in names}
    pages[strips.PAGE] = strips.page(build(read_texts()))
    return pages | {ROOT / f"docs/schemas/{name}.schema.json": text for name, text in schemas().items()}


def mistakes() -> str:
    """The seeded bugs and which check is to catch each, as a Markdown table."""
    rows = [f"| {each.name} | {each.breaks} | {each.caught_by} |" for each in MUTATIONS]
    return "\n".join(["| mistake | breaks | caught first by |", "|---|---|---|", *rows])


def conversation() -> str:
    """What `textuportray replay` prints of a take with the example's direction, as a Markdown block."""
    with TemporaryDirectory() as folder:
        output = str(Path(folder, "motion.json"))
        run("plan", EXAMPLE, "-o", output)
        return f"```\n{run('replay', output).rstrip()}\n```"


def run(*arguments: str) -> str:
    """What the program of this tree prints.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "runtime", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, encoding="utf-8")  # noqa: S603 - our own words
    return done.stdout


def main() -> None:
    """Write what has changed and say so."""
    for path, text in documents().items():
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        if text != before:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(ROOT)} is written anew\n")


if __name__ == "__main__":
    main()
