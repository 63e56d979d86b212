"""What a client and its database connection have said to each other, as far as lending has to know it. Pure.

A connection may be given back when every request has its ReadyForQuery outside a transaction, nothing pins, and no
prepared statement of the client's is open on it.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import Literal

from ops.pinning.postgresql import LONGEST_TEXT_BYTES, OVERSIZED, pins
from ops.pinning.rule import Rule

from .protocol import HEAD_BYTES, Refusal, message

_QUERY, _PARSE, _BIND, _DESCRIBE, _EXECUTE, _CLOSE, _SYNC, _CALL, _END = b"QPBDECSFX"
_COPIED = frozenset(b"dcf")
_FRONTEND = frozenset(b"QPBDECSFXHdcf")
_READ = frozenset((_QUERY, _PARSE, _BIND, _DESCRIBE, _EXECUTE, _CLOSE))
_READY, _ERROR, _PARSED, _CLOSED = b"ZE13"
_NOTED = frozenset(b"ZE13GW")
_NOT_IN_TRANSACTION = ord("I")
_OF_STATEMENT = ord("S")
_READY_BYTES = 6
# Names of statements and portals; PostgreSQL itself cuts those of SQL at 63.
_LONGEST_NAME_BYTES = 1024
# PostgreSQL's own limit (PQ_LARGE_MESSAGE_LIMIT).
_LONGEST_MESSAGE_BYTES = 0x3FFFFFFF
_MOST_NAMES = 10_000
_MOST_TEXTS = 1_000
_MOST_AWAITED = 10_000
_KEPT_CHARACTERS = 1_000
# What is looked at of one message: a name, a text that is just too long, and the ends of both.
_LOOK_BYTES = HEAD_BYTES + 2 * (_LONGEST_NAME_BYTES + 1) + LONGEST_TEXT_BYTES + 2
# A name that nobody has, so that the server's own error tells what happened.
_TAKEN = b"unnamed, and its connection was lent to others meanwhile; RDS Proxy multiplexes these"
_length = struct.Struct("!I").unpack_from

# The unnamed prepared statement of a client: there is none on its connection; it was parsed; it was used as well.
_NONE, _UNUSED, _USED = range(3)

_Request = Literal["query", "sync"]
_Awaited = _Request | bytes | tuple[bytes | None] | None
"""A request that ends in ReadyForQuery, Parse with the statement's name, Close with that or None for a portal; or None
where the client began to send what may be the data of a COPY: only what stands before them may be left out for it."""

# Parse messages of applications come again and again: what they pin by, if anything.
_known: dict[bytes, Rule | None] = {}
_MOST_KNOWN = 1_000
_KNOWN_BYTES = 1_000


class Session:
    """One client's, over all connections that it is lent.

    Attributes:
        pin: the rule by which it was pinned.
        ended: whether the client has said goodbye.
        outstanding: requests that ReadyForQuery is awaited for.
    """

    __slots__ = (
        "_awaited",
        "_head",
        "_is_mixed",
        "_is_open",
        "_is_unsure",
        "_kept",
        "_left_out",
        "_names",
        "_pinned",
        "_portals",
        "_rest",
        "_reuses_unnamed",
        "_skip",
        "_status",
        "_texts",
        "_unnamed",
        "_will_pin",
        "ended",
        "outstanding",
        "pin",
    )

    def __init__(self, pinned: Callable[[Rule, str], None], will_pin: Callable[[Rule, str], None]) -> None:
        """`pinned` is told the rule and the text once; `will_pin` of each statement that pins when it runs."""
        self.pin: Rule | None = None
        self.ended = False
        self.outstanding = 0
        self._pinned, self._will_pin = pinned, will_pin
        self._awaited: deque[_Awaited] = deque()
        self._left_out = False  # a Sync, for a COPY that is not over
        self._is_unsure = False  # which Sync the server has answered
        self._is_open = False  # messages of the extended protocol since the last Sync
        self._is_mixed = False  # a query stood among them, which is left out with them if they fail
        self._status = _NOT_IN_TRANSACTION
        self._names: set[bytes] = set()
        self._unnamed = _NONE
        self._reuses_unnamed = False
        self._texts: dict[bytes, tuple[Rule, str]] = {}  # of prepared statements that pin when they run
        self._portals: dict[bytes, tuple[Rule, str]] = {}
        self._kept = b""  # of the client: the beginning of a message
        self._rest = 0  # of the client: what is still to come of a message that is passed on already
        self._head = b""  # of the server: the beginning of a message
        self._skip = 0  # of the server: what is still to come of a message

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way and no transaction is open."""
        return self._status == _NOT_IN_TRANSACTION and not (
            self.outstanding or self._is_open or self._rest or self._is_unsure
        )

    @property
    def is_held(self) -> bool:
        """Whether prepared statements keep its connection: a named one, or the unnamed one before its first use.

        The unnamed one is rarely used twice; who has done it once is expected to do it again.
        """
        return bool(self._names) or self._unnamed == _UNUSED or (self._reuses_unnamed and self._unnamed == _USED)

    @property
    def is_free(self) -> bool:
        """Whether it needs its connection no more."""
        return self.pin is None and self.is_idle and not self.is_held

    @property
    def has_unnamed(self) -> bool:
        """Whether its unnamed prepared statement is on the connection."""
        return self._unnamed != _NONE

    @property
    def is_full(self) -> bool:
        """Whether it has asked so much that it should be answered first."""
        return len(self._awaited) > _MOST_AWAITED

    def begins_with_goodbye(self, data: bytes) -> bool:
        """Whether what the client says next is that it goes, for which no connection is needed."""
        return not self._kept and data[0] == _END

    def moves(self) -> None:
        """It gets a connection that others had since."""
        self._unnamed = _NONE

    def ask(self, data: bytes) -> bytes:
        """What of the client's bytes goes on to the database.

        Raises:
            Refusal: these are no messages of PostgreSQL's.
        """
        size = len(data)
        # Nearly always it is one query, and all of it.
        if data[0] == _QUERY and HEAD_BYTES < size == 1 + _length(data, 1)[0] and not self._rest and not self._kept:
            self._query(data, HEAD_BYTES, size)
            return data
        if self._kept:
            if self.ended:  # what comes after is for nobody
                return b""
            data, self._kept = self._kept + data, b""
            size = len(data)
        said: list[bytes] = []
        begin = at = 0
        while at < size:
            if self._rest:
                step = min(self._rest, size - at)
                self._rest -= step
                at += step
                continue
            if size - at < HEAD_BYTES:
                break
            kind, end = data[at], at + 1 + _length(data, at + 1)[0]
            if kind == _SYNC:
                self._is_open = False
                self._awaited.append("sync")
                self.outstanding += 1
            elif kind not in _FRONTEND or not 0 <= end - at - HEAD_BYTES < _LONGEST_MESSAGE_BYTES:
                raise Refusal("08P01", f"invalid frontend message type {kind}.")
            elif kind == _END:
                self.ended = True
                self._kept = data[at : at + 1]
                return b"".join([*said, data[begin:at]])
            elif kind in _READ:
                seen = min(end, at + _LOOK_BYTES)
                if size < seen:
                    break
                changed = self._message(kind, data, at, seen, end)
                if changed is not None:
                    said += [data[begin:at], changed]
                    begin = seen
            elif kind == _CALL:
                self._awaited.append("query")
                self.outstanding += 1
                self._is_mixed |= self._is_open
            elif kind in _COPIED:
                last = self._awaited[-1] if self._awaited else b""
                if last == "sync" or (self._is_open and last is not None):
                    self._awaited.append(None)
            if end > size:
                self._rest = end - size
                end = size
            at = end
        self._kept = data[at:]
        return b"".join([*said, data[begin:at]]) if said else data[:at]

    def give_up(self) -> bytes | None:
        """What is said in place of a client that is gone, after which nothing remains but to await the answers.

        None where that cannot be said: within a message, or when it is not known how many answers come.
        """
        if self._rest or self._is_unsure or self._is_mixed:
            return None
        last = message(b"f", b"the client is gone\0")  # ends a COPY; anywhere else the server leaves it out
        if self._is_open:
            self._is_open = False
            self._awaited.append("sync")
            self.outstanding += 1
            last += message(b"S", b"")
        return last

    def ends_before(self, data: bytes, last: int) -> bool:
        """Whether the last so many of the server's bytes begin a message, and not within one."""
        whole = self._head + data
        at, end = self._skip, len(whole) - last
        while at < end:
            at += 1 + _length(whole, at + 1)[0]
        return at == end

    def answer(self, data: bytes) -> bool:
        """Read the server's bytes: whether they end all that was asked, and the connection is needed no more."""
        if self._head:
            data, self._head = self._head + data, b""
        at, size, is_ready = self._skip, len(data), False
        while at + _READY_BYTES <= size:
            kind = data[at]
            if kind in _NOTED:
                if kind == _READY:
                    self._ready(data[at + HEAD_BYTES])
                    is_ready = True
                else:
                    self._note(kind)
            at += 1 + _length(data, at + 1)[0]
        if at > size:
            self._skip = at - size
        else:
            self._skip = 0
            self._head = data[at:]
        return is_ready and self.is_free

    def _message(self, kind: int, data: bytes, at: int, seen: int, end: int) -> bytes | None:
        """Note one message, of which at least what matters is there; what goes on in its place, if anything does."""
        begin = at + HEAD_BYTES
        if kind == _QUERY:
            self._query(data, begin, end)
            return None
        self._is_open = True
        if kind == _BIND:
            return self._bind(data, at, seen, end)
        if kind == _EXECUTE:
            if self._portals and self.pin is None:
                found = self._portals.get(_name(data, begin, seen)[0])
                if found is not None:
                    self._pin(*found)
        elif kind == _PARSE:
            self._parse(data, begin, seen, end)
        elif kind == _CLOSE or (seen > begin and data[begin] == _OF_STATEMENT):
            return self._of_name(kind, data, at, seen)
        return None

    def _query(self, data: bytes, begin: int, end: int) -> None:
        self._awaited.append("query")
        self.outstanding += 1
        if self._is_open:
            self._is_open, self._is_mixed = False, True
        self._unnamed = _NONE  # the server forgets it
        if self.pin is None:
            if end - begin - 1 > LONGEST_TEXT_BYTES:
                rule: Rule | None = OVERSIZED
                text = data[begin : begin + _KEPT_CHARACTERS].decode(errors="replace")
            else:
                text = data[begin : end - 1].decode(errors="replace")
                rule = pins(text)
            if rule is not None:
                self._pin(rule, text)

    def _parse(self, data: bytes, begin: int, seen: int, end: int) -> None:
        name, behind = _name(data, begin, seen)
        self._awaited.append(name)
        if not name:
            self._unnamed = _UNUSED
        elif len(self._names) >= _MOST_NAMES:
            raise Refusal("53200", f"{_MOST_NAMES:,} prepared statements are open; the laptop's proxy keeps no more.")
        if self.pin is not None:
            return
        known = data[behind:end] if end - behind <= _KNOWN_BYTES else None
        rule = _known.get(known, OVERSIZED) if known is not None else OVERSIZED
        text = ""
        if rule is not None:
            until = data.find(b"\0", behind, min(seen, behind + LONGEST_TEXT_BYTES + 1))
            longest = min(seen, behind + LONGEST_TEXT_BYTES)
            text = data[behind : until if until >= 0 else longest].decode(errors="replace")
            rule = OVERSIZED if until < 0 else pins(text)
            if known is not None and rule is None:
                if len(_known) >= _MOST_KNOWN:
                    _known.clear()
                _known[known] = None
        if rule is None:
            if self._texts:
                self._texts.pop(name, None)
        elif len(self._texts) >= _MOST_TEXTS:
            self._pin(rule, text)
        else:
            self._will_pin(rule, text)
            self._texts[name] = rule, text[:_KEPT_CHARACTERS]

    def _bind(self, data: bytes, at: int, seen: int, end: int) -> bytes | None:
        begin = at + HEAD_BYTES
        portal, behind = _name(data, begin, seen)
        name, after = _name(data, behind, seen)
        if self._texts and name in self._texts and len(self._portals) < _MOST_TEXTS:
            self._portals[portal] = self._texts[name]
        elif self._portals:
            self._portals.pop(portal, None)
        if name:
            return None
        if self._unnamed == _NONE:
            self._reuses_unnamed = True  # so that it does not happen to this client again
            longer = (end - at - 1 + len(_TAKEN)).to_bytes(4, "big")
            return data[at : at + 1] + longer + data[begin:behind] + _TAKEN + data[after - 1 : seen]
        self._reuses_unnamed |= self._unnamed == _USED
        self._unnamed = _USED
        return None

    def _of_name(self, kind: int, data: bytes, at: int, seen: int) -> bytes | None:
        """Describe of a statement, or Close."""
        of_statement = data[at + HEAD_BYTES] == _OF_STATEMENT if seen > at + HEAD_BYTES else False
        name, _ = _name(data, at + HEAD_BYTES + 1, seen)
        if kind == _CLOSE:
            self._awaited.append((name if of_statement else None,))
            if of_statement and not name:
                self._unnamed = _NONE
        elif not name and self._unnamed == _NONE:
            body = b"S" + _TAKEN + b"\0"
            return data[at : at + 1] + (len(body) + 4).to_bytes(4, "big") + body
        return None

    def _pin(self, rule: Rule, text: str) -> None:
        self.pin = rule
        self._texts, self._portals = {}, {}
        self._pinned(rule, text)

    def _note(self, kind: int) -> None:
        """What is not the end of a request and matters."""
        awaited = self._awaited
        if kind in (_PARSED, _CLOSED):
            while awaited and awaited[0] is None:  # it was no COPY
                awaited.popleft()
            if awaited and isinstance(first := awaited[0], bytes if kind == _PARSED else tuple):
                awaited.popleft()
                if isinstance(first, tuple):
                    self._names.discard(first[0] or b"")
                elif first:
                    self._names.add(first)
        elif kind == _ERROR:
            # Had it read that Sync before? Two answers may come, or one: the connection stays with this client.
            self._is_unsure |= self._left_out
            self._fail()
        elif not awaited or awaited[0] != "query":
            self._copies()

    def _copies(self) -> None:
        """The server leaves out each Sync that comes before the data of a COPY."""
        awaited = self._awaited
        while awaited and awaited[0] is not None:
            if isinstance(awaited.popleft(), str):
                self.outstanding -= 1
                self._left_out = True
        if not self.outstanding:
            self._is_open = True

    def _fail(self) -> None:
        """The server leaves out what else was asked, up to the next Sync."""
        while self._awaited and not isinstance(first := self._awaited[0], str):
            self._awaited.popleft()
            if first == b"" and first not in self._awaited:
                self._unnamed = _NONE

    def _ready(self, status: int) -> None:
        self._status = status
        self._left_out = False
        while self._awaited:
            if isinstance(self._awaited.popleft(), str):
                self.outstanding -= 1
                break
        else:
            # A Sync that came too late to be left out: the server had failed before it saw the end of the data.
            self._is_open = False
        if self._portals and status == _NOT_IN_TRANSACTION and not self.outstanding:
            self._portals.clear()


def _name(data: bytes, begin: int, end: int) -> tuple[bytes, int]:
    """A name and where the next thing begins.

    Raises:
        Refusal: there is no end of it.
    """
    found = data.find(b"\0", begin, min(end, begin + _LONGEST_NAME_BYTES + 1))
    if found < 0:
        raise Refusal("08P01", "invalid name in a message.")
    return data[begin:found], found + 1
