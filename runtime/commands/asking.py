"""Options that several commands have in common: what a take is asked for, and how a motion is to be made visible."""

from __future__ import annotations

import argparse
import contextlib
import os

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protocol.language_model import LanguageModel
    from runtime.base import BaseOptions
    from runtime.commands.placing import Places
    from runtime.onray.joining import Trial
    from runtime.options import FilmOptions, TakeOptions

RENDERERS = ("puppet",)
DEVICES = ("auto", "cpu", "cuda")
RUNTIMES = ("inline", "ray")
PLANNERS = ("lexicon", "llm")
_IN_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set in a job of Ray's, which is there to use the cluster."""


def add_take_options(parser: argparse.ArgumentParser, fps: str) -> None:
    """Add what a take can be asked for besides its direction; `fps` is the usual frame rate."""
    parser.add_argument("--seconds", metavar="S", help="length of the take; without it, what the direction needs (3 to 20)")
    parser.add_argument("--fps", default=fps, help=f"frame rate, such as 25 or 30000/1001 (default {fps})")
    parser.add_argument("--seed", default="0", metavar="N", help="of everything random (default 0)")
    parser.add_argument(
        "--emotion", default="", metavar="TEXT", help="emotional colouring apart from what the direction asks for"
    )
    parser.add_argument(
        "--idle", action=argparse.BooleanOptionalAction, default=True, help="let the face blink, breathe and sway by itself"
    )
    parser.add_argument(
        "--no-negotiation",
        dest="negotiate",
        action="store_false",
        help="commit first proposals as they are (to see what negotiation is for)",
    )
    add_planner_options(parser)
    parser.add_argument("--explain", action="store_true", help="show each beat, its acts and the words they come from")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--constraints",
        type=Path,
        metavar="FILE",
        help="constraints to use instead of the program's own (see configs/constraints.yaml)",
    )
    parser.add_argument(
        "--gestures", type=Path, metavar="FILE", help="catalogue of gestures to use instead (see configs/gestures.yaml)"
    )
    parser.add_argument(
        "--lexicon", type=Path, metavar="FILE", help="words of your own beside the program's (see docs/directions.md)"
    )


def add_candidates(parser: argparse.ArgumentParser) -> None:
    """Add how many takes are compared."""
    parser.add_argument(
        "--candidates",
        default="1",
        metavar="N",
        help="plan so many takes, with this seed and those after it, and keep the one that the critic scores best (default 1); "
        "with a language model each of them may cost what one take may",
    )


def candidates(options: argparse.Namespace) -> int:
    """How many takes are compared; 1 where there is nothing to choose from.

    Raises:
        UsageError: there cannot be so many.
    """
    if options.candidates == "1":
        return 1
    from runtime.candidates import parse_candidates

    return parse_candidates(options.candidates)


def add_planner_options(parser: argparse.ArgumentParser) -> None:
    """Add who plans a take, and what that may cost."""
    parser.add_argument(
        "--planner",
        choices=PLANNERS,
        help="who understands the direction and plays the regions: lexicon, embedded (the default), or llm, a language model",
    )
    parser.add_argument("--llm-model", metavar="NAME", help="which language model is asked (default: TEXTUPORTRAY_LLM_MODEL)")
    parser.add_argument(
        "--llm-base-url",
        metavar="URL",
        help="where its server is, which speaks OpenAI's API (default: TEXTUPORTRAY_LLM_BASE_URL or OPENAI_BASE_URL); its key "
        "is taken from TEXTUPORTRAY_LLM_KEY or OPENAI_API_KEY alone",
    )
    parser.add_argument("--llm-temperature", metavar="X", help="how far its answers vary, 0 to 2 (default 0)")
    parser.add_argument("--llm-tokens", metavar="N", help="most tokens that the take may use (default 1000000)")
    parser.add_argument("--llm-money", metavar="X", help="most that the take may cost, by --llm-prices")
    parser.add_argument("--llm-prices", metavar="IN,OUT", help="price of a million tokens read, and of a million written")
    parser.add_argument("--llm-seconds", metavar="S", help="longest that the take waits for answers in all (default 600)")
    parser.add_argument("--llm-patience", metavar="S", help="longest that one answer is waited for (default 60)")


def language_model(options: argparse.Namespace) -> LanguageModel | None:
    """The language model that plans the take; None for the embedded planner.

    Raises:
        UsageError: it cannot be asked like that.
    """
    given = {name.removeprefix(_LANGUAGE): text for name, text in vars(options).items() if name.startswith(_LANGUAGE)}
    if options.planner != "llm" and not any(text is not None for text in given.values()):
        return None
    from runtime.language_options import language_model as asked_for

    return asked_for(options.planner or PLANNERS[0], given, os.environ)


def require_model(wanted: TakeOptions) -> None:
    """Make sure that somebody listens where a take's language model is to be asked, if it has one, and that its key is one.

    Raises:
        UsageError: the key is none.
        TakeError: nobody listens.
    """
    if wanted.language_model is not None:
        from runtime.language_options import require_key
        from runtime.listening import require_listening

        require_key(wanted.language_model, os.environ)
        require_listening(wanted.language_model)


_LANGUAGE = "llm_"
"""What the names of options begin with that say something of a language model; see `runtime.language_options.OPTIONS`."""


def require_named(model: LanguageModel | None, based: BaseOptions) -> None:
    """Refuse to bring a key to a server that only a journal names; see `runtime.language_options.require_named`.

    Args:
        model: whom the take is to ask; None for the embedded planner.
        based: what the take is to run on.

    Raises:
        UsageError: it would be sent there, or is none.
    """
    if model is None:
        return
    from runtime.language_options import require_key
    from runtime.language_options import require_named as required

    joins = based.address or os.environ.get("RAY_ADDRESS") or "local"
    required(model, os.environ, elsewhere=based.runtime == "ray" and joins != "local")
    require_key(model, os.environ)


def take_options(options: argparse.Namespace) -> TakeOptions:
    """What the take is asked for.

    Raises:
        UsageError: that cannot be.
    """
    from configs.own_lexicon import OWN_LEXICON
    from runtime import options as asked

    replaced = {"constraints.yaml": options.constraints, "gestures.yaml": options.gestures, OWN_LEXICON: options.lexicon}
    return asked.TakeOptions(
        direction=asked.parse_direction(options.direction),
        seconds=None if options.seconds is None else asked.parse_seconds(options.seconds),
        fps=asked.parse_fps(options.fps),
        seed=asked.parse_seed(options.seed),
        idle=options.idle,
        negotiate=options.negotiate,
        emotion=asked.parse_emotion(options.emotion),
        tables={name: path for name, path in replaced.items() if path is not None},
        language_model=language_model(options),
    )


def add_portrait_options(parser: argparse.ArgumentParser) -> None:
    """Add how a portrait is read."""
    parser.add_argument("--size", metavar="N", help="pixels of the longer side (default: the portrait's own)")
    parser.add_argument("--face", metavar="N", help="which face acts if there are several, 1 for the largest")


def portrait_options(options: argparse.Namespace) -> tuple[int | None, int | None]:
    """Size and face that are asked for; None for what is not.

    Raises:
        UsageError: they cannot be.
    """
    from runtime import options as asked

    size = None if options.size is None else asked.parse_size(options.size)
    face = None if options.face is None else asked.parse_face(options.face)
    return size, face


def add_film_options(parser: argparse.ArgumentParser) -> None:
    """Add how a motion is to be made visible."""
    add_portrait_options(parser)
    parser.add_argument(
        "--background",
        default="keep",
        metavar="WHAT",
        help="behind the person: keep (the portrait's own, the default), alpha, green, or a colour such as '#2040a0'",
    )
    parser.add_argument(
        "--neutral",
        action="store_true",
        help="relax the expression that the portrait has (a smile, an open mouth, eyes that look aside) before it acts",
    )
    parser.add_argument("--renderer", choices=RENDERERS, default=RENDERERS[0], help="what makes the frames (default puppet)")
    parser.add_argument("--sheet", metavar="FILE", help="also write a contact sheet of the take (PNG)")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="where frames are computed (default auto)")


def film_options(options: argparse.Namespace, places: Places) -> FilmOptions:
    """How a motion is to be made visible.

    Args:
        options: of the command line.
        places: what stands for its URLs.

    Raises:
        UsageError: that cannot be.
        PlaceError: a URL cannot be reached.
    """
    from runtime import options as asked

    size, face = portrait_options(options)
    background = asked.parse_background(options.background)
    output = places.output(options.output)
    return asked.FilmOptions(
        portrait=places.portrait(options.portrait),
        output=output,
        renderer=options.renderer,
        device=options.device,
        size=size,
        face=face,
        background=background,
        sheet=None if options.sheet is None else places.sheet(options.sheet),
        neutral=options.neutral,
    )


_BASE = ("address", "profile", "workers", "worker_gpus", "worker_cpus", "worker_label", "worker_resource")
"""What says how Ray is used."""
_LISTS = ("worker_label", "worker_resource")
"""What of it may be given several times."""


def add_base_options(parser: argparse.ArgumentParser, usual: str | None) -> None:
    """Add what the take is run on; `usual` is the runtime of the command, None for that of the take (see `recall_base`)."""
    parser.add_argument(
        "--runtime",
        choices=RUNTIMES,
        default=usual,
        help=f"inline: in this process; ray: with actors on Ray (default {usual or 'as the take was begun'})",
    )
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="Ray cluster to join (default: RAY_ADDRESS, or a Ray that is started for this)"
    )
    parser.add_argument("--profile", metavar="NAME", help="how the cluster is used, by configs/cluster.yaml (default laptop)")
    parser.add_argument("--workers", metavar="N", help="renderers at once (default: as many as fit)")
    parser.add_argument(
        "--worker-gpus", metavar="X", help="GPUs of each renderer, 0 for processors alone, or a share such as 0.5"
    )
    parser.add_argument("--worker-cpus", metavar="X", help="CPUs of each renderer")
    parser.add_argument("--worker-label", action="append", default=[], metavar="KEY=VALUE", help="label of its node")
    parser.add_argument("--worker-resource", action="append", default=[], metavar="NAME=X", help="resource of its own kind")


@contextlib.contextmanager
def cluster_tried(options: argparse.Namespace) -> Iterator[Trial | None]:
    """The cluster that is asked for is tried while all else is looked at; None if none is asked for."""
    if options.runtime == "inline":
        yield None
        return
    from runtime.onray.joining import Trial

    trial = Trial(options.address)
    try:
        yield trial
    finally:
        trial.abandon()


def base_record(options: argparse.Namespace) -> dict[str, Any]:
    """What the take is run on, for its record: whoever goes on with it does so likewise."""
    return {"runtime": options.runtime} | {name: getattr(options, name) for name in _BASE if getattr(options, name)}


def recall_base(options: argparse.Namespace, record: object) -> None:
    """Run a take that goes on as it was begun, unless something else is asked for.

    Args:
        options: of the command line; what is recalled is put in.
        record: see `base_record`; whatever does not look like that is disregarded.
    """
    in_job = _IN_JOB in os.environ
    asked = options.runtime is not None or any(getattr(options, name) for name in _BASE)
    usual: dict[str, Any] = {"runtime": "inline"}
    known = record if isinstance(record, dict) and record.get("runtime") in list(RUNTIMES) else usual
    if asked or in_job:
        others = any(getattr(options, name) for name in _BASE)
        options.runtime = options.runtime or ("ray" if others or in_job else known["runtime"])
    else:
        options.runtime = known["runtime"]
    if asked or options.runtime == "inline":
        return
    for name in _BASE:
        value = known.get(name)
        right = isinstance(value, str) if name not in _LISTS else _is_texts(value)
        if right and not (in_job and name == "address"):
            setattr(options, name, value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def base_options(options: argparse.Namespace) -> BaseOptions:
    """What the take is run on.

    Raises:
        UsageError: that cannot be.
    """
    from configs.cluster import DEFAULT, builtin_profiles
    from runtime.base import BaseOptions
    from runtime.onray import placement
    from runtime.options import UsageError

    given = {
        "--address": options.address,
        "--profile": options.profile,
        "--workers": options.workers,
        "--worker-gpus": options.worker_gpus,
        "--worker-cpus": options.worker_cpus,
        "--worker-label": options.worker_label,
        "--worker-resource": options.worker_resource,
    }
    if options.runtime == "inline":
        unused = [name for name, value in given.items() if value]
        if unused:
            raise UsageError(f"{unused[0]} says how Ray is used, and --runtime inline does without it. Leave one of them out.")
    profile = builtin_profiles().named(options.profile or DEFAULT)
    worker = profile.worker
    asked = BaseOptions(
        runtime=options.runtime,
        address=options.address,
        profile=profile,
        placement=placement.Placement(
            workers=profile.workers if options.workers is None else placement.parse_workers(options.workers),
            gpus=None if options.worker_gpus is None else placement.parse_worker_gpus(options.worker_gpus),
            cpus=worker.cpus if options.worker_cpus is None else placement.parse_worker_cpus(options.worker_cpus),
            labels={**worker.labels, **placement.parse_worker_labels(options.worker_label)},
            resources={**worker.resources, **placement.parse_worker_resources(options.worker_resource)},
        ),
    )
    if asked.runtime == "ray":
        asked.placed(getattr(options, "device", "auto"))  # a take that goes on has its device in its record
    return asked
