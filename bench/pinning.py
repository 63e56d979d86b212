"""What a gate pays to ask of a statement whether it pins: `python -m bench.pinning`.

Each text is another one, so that nothing is remembered from one call to the next. Beside the usual text stands the same
one with a comment, as libraries that trace queries add; one that must be looked at word by word, since it has a comment
and in it a word that might begin a statement; and the digest of the usual one.
"""

import statistics
import time
from collections.abc import Callable

from rich.console import Console
from rich.table import Table

from ops.pinning.digest import digest
from ops.pinning.postgresql import pins

SHORT = "SELECT abalance FROM pgbench_accounts WHERE aid = {:05};"
LENGTHS, TEXTS, ROUNDS = (56, 626, 11_910), 100, 15


def main() -> None:
    """Measure each length."""
    shown = Table("bytes", "usual, µs", "with a comment, µs", "word by word, µs", "digest, µs")
    for length in LENGTHS:
        usual = [_text(length, number) for number in range(TEXTS * ROUNDS)]
        commented = [f"{text[:-11]} /*{number:06}*/" for number, text in enumerate(usual)]
        looked_at = [f"{text[:-14]} /*set{number:06}*/" for number, text in enumerate(usual)]
        if any(map(pins, usual + commented + looked_at)):
            raise SystemExit("a text of this benchmark pins")
        asked = ((pins, usual), (pins, commented), (pins, looked_at), (digest, usual))
        shown.add_row(str(length), *(_told(call, texts) for call, texts in asked))
    Console(emoji=False).print(shown)


def _text(length: int, number: int) -> str:
    columns = ", ".join(f"orders.column_{at}" for at in range(length // 18))
    text = SHORT if length < 100 else f"SELECT {{:05}}, {columns}"
    return text.format(number)[:length].ljust(length)


def _told(call: Callable[[str], object], texts: list[str]) -> str:
    rounds = []
    for at in range(0, len(texts), TEXTS):
        started = time.perf_counter()
        for text in texts[at : at + TEXTS]:
            call(text)
        rounds.append((time.perf_counter() - started) / TEXTS * 1e6)
    return f"{statistics.median(rounds):.2f}"


if __name__ == "__main__":
    main()
