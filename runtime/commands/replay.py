"""`textuportray replay`: how the regions agreed, and whether this version's machines agree with that."""

from __future__ import annotations

import argparse
import json
import sys
import time

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol.constraints import Constraints
    from protocol.journal import Journal
    from protocol.messages import TakeOpened
    from protocol.rules import RuleSet
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray replay motion.take
  textuportray replay motion.take --region eyes --until 40

TAKE is a motion or video, its .take folder, or the journal in it; also a URL. What the take was made with is not needed."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("take", metavar="TAKE", help="the take")
    parser.add_argument("--until", metavar="SEQ", help="stop after this record, a number from 1 (see --numbers)")
    parser.add_argument("--region", choices=("brows", "eyes", "mouth", "head"), help="only what concerns one region")
    parser.add_argument("--numbers", action="store_true", help="show the place of each record in the journal")
    parser.add_argument("--json", action="store_true", help="print the records as JSON, one per line")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Print the conversation, then run the machines over it."""
    from protocol.conversation import Conversation
    from protocol.replay import Replay
    from runtime.commands.placing import placed
    from runtime.options import parse_place
    from runtime.progress import Progress
    from runtime.takes import open_take

    until = None if options.until is None else parse_place(options.until)
    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            journal = open_take(places.journal(options.take))
    finally:
        progress.interrupt()
    records = [record for record in journal.records if until is None or record.seq <= until]
    rules, constraints = constraints_of(journal)
    reasons = {rule.id: rule.why for rule in rules.rules}
    parties = {rule.id: rule.regions() for rule in rules.rules}
    talk = Conversation(reasons, options.region, numbers=options.numbers, parties=parties)
    machines = Replay(constraints)
    for record in records:
        if options.json:
            print(_as_json(record))
        else:
            for line in talk.lines(record):
                print(line)
        machines.feed(record)
    if journal.closed and len(records) == len(journal.records):
        machines.finish()
    if journal.torn_at is not None:
        print(f"warning: the journal is torn at byte {journal.torn_at}; only what comes before that is shown", file=sys.stderr)
    elif not journal.closed:
        print("warning: the journal was not closed; the take was cut off or still runs", file=sys.stderr)
    for finding in machines.findings:
        print(str(finding), file=sys.stderr)
    if machines.findings:
        return 3
    if not options.json:
        print("checked: this version, run again over the journal, says the same")
    return 0


def constraints_of(journal: Journal) -> tuple[RuleSet, Constraints]:
    """The constraints that a take was made with.

    Raises:
        JournalError: the journal lacks them, or they are not what this version understands.
    """
    from configs.loading import ConfigError, parse_yaml_model
    from protocol.constraints import Constraints
    from protocol.journal import JournalError
    from protocol.rules import RuleSet

    try:
        rules = parse_yaml_model(opened(journal).configuration["constraints.yaml"], "constraints.yaml in the journal", RuleSet)
    except ConfigError as error:
        raise JournalError(f"{error}. The take was made by a version with other rules: replay it with that one.") from None
    return rules, Constraints.of(rules)


def opened(journal: Journal) -> TakeOpened:
    """The message that opened the take.

    Raises:
        JournalError: the journal does not begin with it, or it lacks the constraints.
    """
    from protocol.journal import JournalError
    from protocol.messages import TakeOpened

    message = journal.records[0].message
    if not isinstance(message, TakeOpened) or "constraints.yaml" not in message.configuration:
        raise JournalError(
            "The journal does not begin with TakeOpened and its constraints, so there is nothing to replay it with. "
            "See what is wrong with it with: textuportray verify"
        )
    return message


def _as_json(record: object) -> str:
    from protocol.journal import Record
    from protocol.wire import to_plain

    assert isinstance(record, Record)
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
