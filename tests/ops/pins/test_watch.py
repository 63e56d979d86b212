"""`python -m ops pins watch`: look after look, to its end."""

import json
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from ops.__main__ import app
from ops.pinning.counts import PinKey, Pinning
from ops.pins import watch as module
from ops.pins.view import picture
from tests.ops.pins.sources import LOCK, SET, Proxy, of


class Clock:
    """Time that passes by pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return 1_000 + self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def watch(monkeypatch: pytest.MonkeyPatch, *options: str, proxies: tuple[Any, ...]) -> Result:
    monkeypatch.setattr(module, "time", Clock())
    monkeypatch.setattr(module, "sources", lambda *_, **__: of(*proxies))
    return CliRunner().invoke(app, ["pins", "watch", *options])


def test_without_a_terminal_each_look_at_a_proxy_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    proxies = (Proxy({SET: 1}, {SET: 2, LOCK: 5}), Proxy({}, {}, name="reports"))
    done = watch(monkeypatch, "--seconds", "1", proxies=proxies)
    assert done.exit_code == 0
    lines = [json.loads(each) for each in done.stdout.splitlines()]
    assert [each["proxy"] for each in lines] == ["orders", "reports"] * 2
    assert [(pin["rule"], pin["count"]) for pin in lines[2]["pins"]] == [("advisory-lock", 5), ("set", 2)]
    assert lines[2]["pins"][1]["function"] == "orders"
    assert (lines[2]["pinned"], lines[2]["heldByStatements"], lines[1]["pins"]) == (7, 1, [])


def test_a_log_is_read_as_far_back_as_was_asked_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy({}, {})
    proxy.pause = 60.0
    assert watch(monkeypatch, "--minutes", "2", "--seconds", "60", proxies=(proxy,)).exit_code == 0
    assert proxy.asked == [880, 940]


def test_ctrl_c_ends_it_well_and_a_proxy_that_is_gone_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted(Proxy):
        def pins(self, since: float) -> Pinning:
            raise KeyboardInterrupt

    assert watch(monkeypatch, proxies=(Interrupted(),)).exit_code == 0
    gone = watch(monkeypatch, proxies=(Proxy({}),))
    assert (gone.exit_code, gone.stderr) == (2, "error: the proxy orders (its gate) does not answer\n")


def drawn(seen: Pinning) -> str:
    console = Console(width=160, emoji=False, highlight=False)
    with console.capture() as capture:
        console.print(picture({"orders": seen}))
    return capture.get()


def test_the_picture_shows_what_is_pinned_now_and_by_what_the_most_frequent_first() -> None:
    text = drawn(Pinning(pinned=4, held=2, pins={SET: 1, LOCK: 5}))
    assert "orders: 6 sessions pinned, 4 pinned now, 2 held now by prepared statements" in text
    assert text.index("pg_advisory_lock($1)") < text.index("set timezone = $1")
    assert "pg_advisory_xact_lock" in text


def test_what_nobody_tells_is_not_shown_as_zero() -> None:
    text = drawn(Pinning(pins={SET: 1}, not_seen=("the rest",)))
    assert "orders: 1 session pinned\n" in text.replace(" \n", "\n").replace("  ", "") or "pinned now" not in text
    assert "not seen: the rest" in text


def test_a_clients_words_move_no_cursor_and_are_no_markup() -> None:
    text = drawn(Pinning(pins={PinKey(reason="r", rule="", digest='set "\x1b[2J[red]" = $1', user="a\nb"): 1}))
    assert "\x1b" not in text and "[red]" in text and "a�b" in text
