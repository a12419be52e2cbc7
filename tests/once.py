"""Tables are understood once in a process of the tests, however many commands it carries out: it takes longer than a take.

Whatever reads them again gets the same tables as long as it reads the same texts, from files or out of a journal. What is told
of wrong ones is never kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace

from runtime import loading
from runtime.loading import Loaded

MOST = 8
"""How many sets of tables are kept; the one that was not asked for for longest goes first."""


def install() -> None:
    """From now on."""
    understand = loading.loaded_from
    kept: OrderedDict[tuple[tuple[str, str], ...], Loaded] = OrderedDict()

    def loaded_from(texts: dict[str, str], names: Mapping[str, str] | None = None) -> Loaded:
        # Names are told in errors only, and tables that are kept had none. A journal may hold them in another order.
        key = tuple(sorted(texts.items()))
        if key not in kept:
            kept[key] = understand(texts, names)
        kept.move_to_end(key)
        while len(kept) > MOST:
            kept.popitem(last=False)
        return replace(kept[key], texts=texts)

    loading.loaded_from = loaded_from
