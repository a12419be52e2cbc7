"""`textuportray replay`: how the regions agreed, step by step if wanted, and whether this version would agree with that."""

from __future__ import annotations

import argparse
import json
import sys
import time

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from protocol.constraints import Constraints
    from protocol.conversation import Conversation
    from protocol.debugging.breaks import Break
    from protocol.debugging.pages import Pages
    from protocol.debugging.prompt import Prompt
    from protocol.journal import Journal, Record
    from protocol.messages import TakeOpened
    from protocol.replay import Divergence
    from protocol.rules import Rule, RuleSet
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray replay motion.take
  textuportray replay motion.take --region eyes --until 40
  textuportray replay motion.take --break big-smile-lifts-cheek --break Ruled
  textuportray replay motion.take --step
  textuportray replay motion.take --check

TAKE is a motion or video, its .take folder, or the journal in it; also a URL. What the take was made with is not needed.
WHAT is a role (eyes, coordinator, renderer-1), a channel (jawOpen, mouthSmile), a constraint, a kind of message (Objected), a
beat ("beat 2"), a moment of the motion (1.5s) or when something was recorded ("after 1.5s"); "eyes Objected" is both at once.
Exit code 3 if --check finds that this version's machines say something else than the journal, or would ask a language model
something else; nobody is asked."""

VIOLATION = 3
ASKED_OTHERWISE = "R03"
MOST_LATER = 3
"""Roles that are named as differing after the first."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("take", metavar="TAKE", help="the take")
    parser.add_argument("--until", metavar="SEQ", help="stop after this record, a number from 1 (see --numbers)")
    parser.add_argument("--region", choices=("brows", "eyes", "mouth", "head"), help="only what concerns one region")
    parser.add_argument(
        "--break",
        dest="breaks",
        metavar="WHAT",
        action="append",
        default=[],
        help="only records that hit this; may be repeated",
    )
    parser.add_argument("--step", action="store_true", help="step forward and back, with the state of every role")
    parser.add_argument("--check", action="store_true", help="run this version's machines over the journal instead")
    parser.add_argument("--numbers", action="store_true", help="show the place of each record in the journal")
    parser.add_argument("--json", action="store_true", help="print the records, or what --check finds, as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Open the take, and print, step or check."""
    from protocol.debugging.breaks import BreakError
    from runtime.options import UsageError, parse_place
    from runtime.urls import shown

    until = None if options.until is None else parse_place(options.until)
    _refuse_together(options)
    pages = _opened_pages(options.take)
    part = pages if until is None else pages.until(until)
    try:
        if options.step:
            _warn(pages)
            return _step(part, options, shown(options.take))
        if options.check:
            code = _check(part, shown(options.take), as_json=options.json)
        else:
            code = 0
            print_ = _print_records if options.json or options.breaks else _print_conversation
            print_(part, options)
    except BreakError as error:
        raise UsageError(f"--break: {error}") from None
    finally:
        sys.stdout.flush()  # what goes wrong belongs behind what went well
    _warn(pages)
    return code


def _refuse_together(options: argparse.Namespace) -> None:
    """Options that contradict each other.

    Raises:
        UsageError: naming the two.
    """
    from runtime.options import UsageError

    if options.step and options.json:
        raise UsageError("--step is for people and --json for programs. Leave one of them out.")
    for name in ("step", "region", "breaks", "numbers"):
        if options.check and getattr(options, name):
            shown = "break" if name == "breaks" else name
            raise UsageError(f"--check looks at every record and prints none, so --{shown} has no place beside it.")


def _opened_pages(take: str) -> Pages:
    from runtime.commands.placing import placed
    from runtime.progress import Progress
    from runtime.takes import open_pages

    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            return open_pages(places.journal(take))
    finally:
        progress.interrupt()


def _warn(pages: Pages) -> None:
    if pages.torn_at is not None:
        print(f"warning: the journal is torn at byte {pages.torn_at}; only what comes before that is shown", file=sys.stderr)
    elif not pages.closed:
        print("warning: the journal was not closed; the take was cut off or still runs", file=sys.stderr)


# ---------------------------------------------------------------------------------------------------------- printing


def _conversation(rules: Sequence[Rule], region: str | None, *, numbers: bool) -> Conversation:
    """What tells a take, with the reasons of its own constraints."""
    from protocol.conversation import Conversation

    reasons = {rule.id: rule.why for rule in rules}
    parties = {rule.id: rule.regions() for rule in rules}
    return Conversation(reasons, region, numbers=numbers, parties=parties)


def _rules(pages: Pages) -> Sequence[Rule]:
    """The constraints of a take; none, with a warning, if it does not tell them so that this version understands."""
    from protocol.journal import JournalError

    try:
        return rules_of(opened_by(pages.record(1))).rules
    except JournalError as error:
        print(f"warning: the take is shown without the reasons of its constraints. {error}", file=sys.stderr)
        return ()


def _print_conversation(pages: Pages, options: argparse.Namespace) -> None:
    talk = _conversation(_rules(pages), options.region, numbers=options.numbers)
    for record in pages:
        for line in talk.lines(record):
            _print(line)


def _print(line: str) -> None:
    """Print a line for people."""
    from runtime.commands.telling import harmless

    print(harmless(line))


def _print_records(pages: Pages, options: argparse.Namespace) -> None:
    """Those that are asked for: as JSON, or a line each."""
    from protocol.debugging.saying import in_a_line

    found = 0
    for record in _asked_for(pages, options):
        found += 1
        if options.json:
            print(_as_json(record))
        else:
            _print(f"{record.seq:>6}  {record.time:8.3f} s  {in_a_line(record)}")
    if options.breaks and not found:
        sys.stdout.flush()
        print(f"none of the {len(pages)} records hits {' or '.join(options.breaks)}", file=sys.stderr)


def _asked_for(pages: Pages, options: argparse.Namespace) -> Iterable[Record]:
    """The records that some break stops at, and that concern the region."""
    from protocol.debugging.breaks import Vocabulary, concerning, parse_break

    if not options.breaks and options.region is None:
        return pages
    vocabulary = Vocabulary.of(pages, [rule.id for rule in _rules(pages)]) if options.breaks else None
    breaks = [parse_break(text, pages, vocabulary) for text in options.breaks] if vocabulary else []
    only = [concerning(options.region, pages)] if options.region else []
    return (pages.record(seq) for seq in _places(pages, breaks, only))


def _places(pages: Pages, breaks: list[Break], only: list[Break]) -> Iterator[int]:
    for seq in range(1, len(pages) + 1):
        if all(any(one.next(seq - 1) == seq for one in group) for group in (breaks, only) if group):
            yield seq


def _as_json(record: Record) -> str:
    from protocol.wire import to_plain

    return json.dumps(
        {
            "seq": record.seq,
            "time": record.time,
            "sender": record.sender,
            "receivers": record.receivers,
            "epoch": record.epoch,
            "number": record.number,
            "message": to_plain(record.message),
        },
        ensure_ascii=False,
    )


# ---------------------------------------------------------------------------------------------------------- stepping


def _step(pages: Pages, options: argparse.Namespace, take: str) -> int:
    """Answer what is typed, or comes from a pipe, until it ends."""
    import shlex

    from protocol.debugging.breaks import Vocabulary, concerning
    from protocol.debugging.prompt import Prompt
    from protocol.debugging.stepping import Walk

    only = concerning(options.region, pages) if options.region else None
    rules = _rules(pages)
    patience = _Patience(sys.stderr)
    walk = Walk(pages, _conversation(rules, None, numbers=False), patience.passing)
    prompt = Prompt(walk, Vocabulary.of(pages, [rule.id for rule in rules]), shlex.quote(take), only)
    for text in options.breaks:
        print(prompt.stop_at(text))
    for line in prompt.opening():
        _print(line)
    for typed in _typed(prompt):
        for line in prompt.answer(typed):
            patience.over()
            _print(line)
        if prompt.over:
            break
    return 0


class _Patience:
    """Says on a terminal that there is a long way to go through a journal, in a line that vanishes again."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = ""

    def passing(self, seq: int) -> None:
        """A record is passed."""
        if self._stream.isatty():
            self._shown = f"on the way: record {seq}"
            self._stream.write(f"\r{self._shown}")
            self._stream.flush()

    def over(self) -> None:
        """Something else is to be printed."""
        if self._shown:
            self._stream.write(f"\r{' ' * len(self._shown)}\r")
            self._stream.flush()
            self._shown = ""


def _typed(prompt: Prompt) -> Iterator[str]:
    """Lines as they are typed; those from a pipe are printed as if they had been."""
    import contextlib
    import io

    if sys.stdin is None:  # it was closed before the program began
        return
    asking = sys.stdin.isatty()
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    if asking:
        with contextlib.suppress(ImportError):  # there is none on some systems, and typing works without
            import readline  # noqa: F401 - it takes over the keys of `input`
    while True:
        sign = f"({prompt.walk.at}) "
        if asking:
            print()
            try:
                line = input(sign)
            except EOFError:
                print()
                return
        else:
            line = sys.stdin.readline()
            if not line:
                return
            print(f"\n{sign}{line.rstrip()}")
        yield line


# ---------------------------------------------------------------------------------------------------------- checking


def _check(pages: Pages, take: str, *, as_json: bool) -> int:
    """Run the machines over the journal; say what they would do first of all that it does not hold."""
    from protocol.constraints import Constraints
    from protocol.replay import Replay

    machines = Replay(Constraints.of(rules_of(opened_by(pages.record(1)))))
    for record in pages:
        machines.feed(record)
    if pages.closed:
        machines.finish()
    differing = sorted(machines.divergences, key=lambda one: one.finding.seq or len(pages) + 1)
    otherwise = _asked_otherwise(pages)
    if as_json:
        found = {"messages": len(pages), "differs": [_as_data(one) for one in differing]}
        if otherwise:
            found["asks_otherwise"] = [{"code": ASKED_OTHERWISE, "text": line} for line in otherwise]
        print(json.dumps(found, ensure_ascii=False))
        return VIOLATION if differing or otherwise else 0
    for line in _differs(pages, differing, take) if differing else ():
        _print(line)
    if not differing:
        print(_agrees(len(pages), asked_otherwise=bool(otherwise)))
    if otherwise:
        print(
            f"{ASKED_OTHERWISE}: this version would ask the language model something else; its answers are those of the journal"
        )
    for line in otherwise:
        _print(f"  {line}")
    return VIOLATION if differing or otherwise else 0


def _agrees(messages: int, *, asked_otherwise: bool) -> str:
    """That the machines found nothing, and no more than that where the language model would be asked something else."""
    if asked_otherwise:
        return (
            f"checked: this version's machines, run again over {messages} messages, say the same; its questions to the "
            "language model are not the same"
        )
    return f"checked: this version, run again over {messages} messages, says the same"


def _asked_otherwise(pages: Pages) -> tuple[str, ...]:
    """Where this version's prompts would ask a language model something else than the journal says that it was asked."""
    from protocol.messages import BeatOpened, Decided

    opened = opened_by(pages.record(1))
    if opened.language_model is None:
        return ()
    from agents.thinking.checking import differences
    from configs.tables import read_texts

    decided: list[Decided] = []
    beats: dict[int, BeatOpened] = {}
    for record in pages:
        if isinstance(record.message, Decided):
            decided.append(record.message)
        elif isinstance(record.message, BeatOpened):
            beats[record.message.beat] = record.message
    return differences(opened, decided, beats, read_texts(prompts=True))


def _as_data(found: Divergence) -> dict[str, object]:
    finding = found.finding
    return {
        "code": finding.code,
        "seq": finding.seq,
        "role": found.role,
        "phase": found.phase,
        "rule": found.rule,
        "text": finding.text,
    }


def _differs(pages: Pages, differing: list[Divergence], take: str) -> Iterator[str]:
    """The first difference: place, role, rule, and the fields that differ."""
    import shlex

    first = differing[0]
    finding = first.finding
    if finding.seq:
        record = pages.record(finding.seq)
        place = (
            f"record {finding.seq} of {len(pages)}, {record.time:.3f} s: {type(record.message).__name__} from {record.sender}"
        )
    else:
        place = f"the end of the journal, behind record {len(pages)}"
    yield f"{finding.code}: this version's machines do not say what the journal holds"
    yield f"  place  {place}"
    yield f"  role   {first.role}, {first.phase}"
    yield f"  rule   {first.rule or 'none allows it'}"
    said, *fields = finding.text.splitlines()
    yield f"  what   {said}"
    yield from (f"       {line}" for line in fields)
    later = [
        f"{one.role} at record {one.finding.seq}" if one.finding.seq else f"{one.role} at the end" for one in differing[1:]
    ]
    if later:
        more = f" and {len(later) - MOST_LATER} more" if len(later) > MOST_LATER else ""
        yield f"  then   {', '.join(later[:MOST_LATER])}{more}"
    if finding.seq:
        yield f"see how it came to that: textuportray replay {shlex.quote(take)} --step, and there: g {finding.seq}"


# ------------------------------------------------------------------------------------------------------- what it had


def constraints_of(journal: Journal) -> tuple[RuleSet, Constraints]:
    """The constraints that a take was made with.

    Raises:
        JournalError: the journal lacks them, or they are not what this version understands.
    """
    from protocol.constraints import Constraints

    rules = rules_of(opened(journal))
    return rules, Constraints.of(rules)


def rules_of(message: TakeOpened) -> RuleSet:
    """The constraints that a take was opened with, as they were written.

    Raises:
        JournalError: they are not what this version understands.
    """
    from configs.loading import ConfigError, parse_yaml_model
    from protocol.journal import JournalError
    from protocol.rules import RuleSet

    try:
        return parse_yaml_model(message.configuration["constraints.yaml"], "constraints.yaml in the journal", RuleSet)
    except ConfigError as error:
        raise JournalError(f"{error}. The take was made by a version with other rules: replay it with that one.") from None


def opened(journal: Journal) -> TakeOpened:
    """The message that opened the take.

    Raises:
        JournalError: the journal does not begin with it, or it lacks the constraints.
    """
    return opened_by(journal.records[0])


def opened_by(record: Record) -> TakeOpened:
    """The message that opened a take, which is its first.

    Raises:
        JournalError: it is another one, or lacks the constraints.
    """
    from protocol.journal import JournalError
    from protocol.messages import TakeOpened

    message = record.message
    if not isinstance(message, TakeOpened) or "constraints.yaml" not in message.configuration:
        raise JournalError(
            "The journal does not begin with TakeOpened and its constraints, so there is nothing to replay it with. "
            "See what is wrong with it with: textuportray verify"
        )
    return message
