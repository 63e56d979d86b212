"""CloudWatch Logs of the laptop's functions: what reads them, as strict as botocore's model of the service.

Their groups and streams are named as Lambda names them. Nothing is written here, nor kept longer than the function.
"""

import base64
import bisect
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from .errors import RefusedError
from .log_events import LogEvent, LogEvents

_GROUP = "/aws/lambda/"
_EVENTS, _DESCRIBED = 10_000, 50
# What AWS sends at once at most. source: API Reference, FilterLogEvents: "up to 1 MB (up to 10,000 log events)".
_PAGE_CHARACTERS = 1_000_000
# Jan 1, 2024 00:00:00 UTC. source: API Reference, FilterLogEvents, `startFromHead`.
_NEW_ORDER = 1_704_067_200_000
_TERM = re.compile(r'[?-]?(?:"[^"]*"|[^\s"{}\[\]%]+)')

Asked = dict[str, Any]
_Accepts = Callable[[str], bool]


class CloudWatchLogs:
    """The groups of the functions whose logs are under `folder`; `names` says which there are, `arn` names them."""

    def __init__(self, folder: Path, names: Callable[[], list[str]], arn: Callable[[str], str]) -> None:
        self._folder = folder
        self._names = names
        self._arn = arn
        self._operations: dict[str, Callable[[Asked], Asked]] = {
            "DescribeLogGroups": self._groups,
            "DescribeLogStreams": self._streams,
            "FilterLogEvents": self._filtered,
            "GetLogEvents": self._events,
        }

    def resource(self, asked: Asked) -> str:
        """The ARN that a policy must allow for a call."""
        return self._arn(f"log-group:{_asked_group(asked) or '*'}:*")

    def request(self, action: str, asked: Asked) -> Asked:
        """Answer one call, such as FilterLogEvents.

        Raises:
            RefusedError: as AWS refuses it.
        """
        if action not in self._operations:
            told = f"of CloudWatch Logs the laptop answers {', '.join(self._operations)}, not {action}"
            raise RefusedError("UnknownOperationException", told, status=404)
        _check(action, asked)
        return self._operations[action](asked)

    def _groups(self, asked: Asked) -> Asked:
        prefix, pattern = asked.get("logGroupNamePrefix"), asked.get("logGroupNamePattern")
        if prefix is not None and pattern is not None:
            raise _invalid("logGroupNamePrefix and logGroupNamePattern cannot be used together")
        found = []
        for name in self._names():
            group, log = _GROUP + name, self._log(name)
            if group.startswith(prefix or "") and (pattern or "").lower() in group.lower():
                arn, size = self._arn(f"log-group:{group}"), log.stat().st_size if log.exists() else 0
                shown = {"logGroupName": group, "logGroupArn": arn, "arn": f"{arn}:*", "storedBytes": size}
                shown["creationTime"] = round((log if size else log.parent).stat().st_ctime * 1000)
                found.append({**shown, "metricFilterCount": 0, "logGroupClass": "STANDARD"})
        return _described("logGroups", found, asked)

    def _streams(self, asked: Asked) -> Asked:
        prefix, by_time = asked.get("logStreamNamePrefix"), asked.get("orderBy") == "LastEventTime"
        if by_time and prefix is not None:
            raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
        group, events = self._of(asked)
        streams: dict[str, Asked] = {}
        for number in range(len(events)):
            name, time = events.stream(number), events.milliseconds(number)
            if name.startswith(prefix or ""):
                arn = self._arn(f"log-group:{group}:log-stream:{name}")
                first = {"logStreamName": name, "creationTime": time, "firstEventTimestamp": time, "arn": arn}
                streams.setdefault(name, first).update(lastEventTimestamp=time, lastIngestionTime=time, storedBytes=0)
        key = "lastEventTimestamp" if by_time else "logStreamName"
        found = sorted(streams.values(), key=lambda each: each[key], reverse=bool(asked.get("descending")))
        return _described("logStreams", found, asked)

    def _filtered(self, asked: Asked) -> Asked:
        _, events = self._of(asked)
        names, prefix = asked.get("logStreamNames"), asked.get("logStreamNamePrefix")
        if names is not None and prefix is not None:
            raise _invalid("logStreamNames and logStreamNamePrefix cannot be used together")
        accepts = _accepts(asked.get("filterPattern") or "")
        numbers = _between(events, asked.get("startTime"), asked.get("endTime"), inclusive=True)
        forward, at = asked.get("startFromHead", True), None
        if not forward and asked.get("startTime", _NEW_ORDER) < _NEW_ORDER:
            raise _invalid("startFromHead can be false only with a startTime on or after Jan 1, 2024 00:00:00 UTC")
        if "nextToken" in asked:
            forward, at = _position(asked["nextToken"])
        numbers = _from(numbers, at, forward=forward)
        chosen = (
            each
            for each in events.read(numbers if forward else reversed(numbers))
            if (names is None or each.stream in names)
            and each.stream.startswith(prefix or "")
            and accepts(each.message)
        )
        page, more = _page(chosen, asked.get("limit", _EVENTS))
        answer: Asked = {"events": [_shown(each, event_id=True) for each in page], "searchedLogStreams": []}
        if more is not None:
            answer["nextToken"] = _token(more.number, forward=forward)
        return answer

    def _events(self, asked: Asked) -> Asked:
        _, events = self._of(asked)
        name = asked["logStreamName"]
        if not any(events.stream(number) == name for number in range(len(events))):
            raise RefusedError("ResourceNotFoundException", "The specified log stream does not exist.", status=400)
        numbers = _between(events, asked.get("startTime"), asked.get("endTime"), inclusive=False)
        forward, at = asked.get("startFromHead", False), None
        if "nextToken" in asked:
            forward, at = _position(asked["nextToken"])
        here = _from(numbers, at, forward=forward)
        own = (number for number in (here if forward else reversed(here)) if events.stream(number) == name)
        page, _ = _page(events.read(own), asked.get("limit", _EVENTS))
        page.sort(key=lambda each: each.number)
        after, before = numbers.stop, numbers.start - 1
        if page:
            after, before = page[-1].number + 1, page[0].number - 1
        elif at is not None:  # at either end the same token comes again
            after, before = (at, at - 1) if forward else (at + 1, at)
        return {
            "events": [_shown(each) for each in page],
            "nextForwardToken": _token(after, forward=True),
            "nextBackwardToken": _token(before, forward=False),
        }

    def _of(self, asked: Asked) -> tuple[str, LogEvents]:
        group = _asked_group(asked)
        name = group.removeprefix(_GROUP)
        if not group.startswith(_GROUP) or name not in self._names():
            raise RefusedError("ResourceNotFoundException", "The specified log group does not exist.", status=400)
        return group, LogEvents(self._log(name))

    def _log(self, name: str) -> Path:
        return self._folder / name / "function.log"


def _check(action: str, asked: Asked) -> None:
    """Check what botocore's model says of a call: names, types, lengths, ranges, choices, patterns.

    Raises:
        RefusedError: InvalidParameterException, with AWS's words.
    """
    import botocore.session
    from botocore.validate import ParamValidator

    shape = botocore.session.get_session().get_service_model("logs").operation_model(action).input_shape
    report = ParamValidator().validate(asked, shape)
    if report.has_errors():
        raise _invalid(report.generate_report())
    for name, value in asked.items():
        said = shape.members[name].metadata
        size = value if isinstance(value, int) else len(value)
        what = "value less than or equal to" if isinstance(value, int) else "length less than or equal to"
        wrong = f"Member must have {what} {said['max']}" if size > said.get("max", size) else ""
        if isinstance(value, str) and not re.fullmatch(said.get("pattern", "(?s:.*)"), value):
            wrong = f"Member must satisfy regular expression pattern: {said['pattern']}"
        if value not in said.get("enum", [value]):
            wrong = f"Member must satisfy enum value set: [{', '.join(said['enum'])}]"
        if wrong:
            told = f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: {wrong}"
            raise _invalid(told)
    if action != "DescribeLogGroups" and ("logGroupName" in asked) == ("logGroupIdentifier" in asked):
        raise _invalid("Exactly one of logGroupName and logGroupIdentifier must be specified")


def _invalid(message: str) -> RefusedError:
    return RefusedError("InvalidParameterException", message, status=400)


def _asked_group(asked: Asked) -> str:
    """The name of the group that a call is about; an identifier may be its ARN."""
    return (
        str(asked.get("logGroupName") or asked.get("logGroupIdentifier") or "").split(":log-group:")[-1].split(":")[0]
    )


def _described(key: str, found: list[Asked], asked: Asked) -> Asked:
    start = _position(asked["nextToken"])[1] if "nextToken" in asked else 0
    end = start + asked.get("limit", _DESCRIBED)
    return {key: found[start:end], **({"nextToken": _token(end, forward=True)} if end < len(found) else {})}


def _between(events: LogEvents, start: int | None, end: int | None, *, inclusive: bool) -> range:
    every = range(len(events))
    first = bisect.bisect_left(every, start or 0, key=events.milliseconds)
    if end is None:
        return range(first, len(events))
    cut = bisect.bisect_right if inclusive else bisect.bisect_left
    return range(first, max(first, cut(every, end, key=events.milliseconds)))


def _from(numbers: range, at: int | None, *, forward: bool) -> range:
    """What of a range is left from a token's place on: the place itself comes first."""
    if at is None:
        return numbers
    return range(max(at, numbers.start), numbers.stop) if forward else range(numbers.start, min(at + 1, numbers.stop))


def _page(chosen: Iterator[LogEvent], limit: int) -> tuple[list[LogEvent], LogEvent | None]:
    """As many as fit into one answer, and the first of those that do not."""
    page: list[LogEvent] = []
    characters = 0
    for each in chosen:
        characters += len(each.message)
        if len(page) == limit or (page and characters > _PAGE_CHARACTERS):
            return page, each
        page.append(each)
    return page, None


def _shown(event: LogEvent, *, event_id: bool = False) -> Asked:
    shown = {"timestamp": event.milliseconds, "message": event.message, "ingestionTime": event.milliseconds}
    if event_id:
        shown |= {"logStreamName": event.stream, "eventId": f"{event.milliseconds:020d}{event.number:036d}"}
    return shown


def _token(number: int, *, forward: bool) -> str:
    return base64.urlsafe_b64encode(f"{'f' if forward else 'b'}/{number}".encode()).decode()


def _position(token: str) -> tuple[bool, int]:
    """The direction and the place that a token of ours holds."""
    try:
        direction, number = base64.urlsafe_b64decode(token).decode().split("/")
        return {"f": True, "b": False}[direction], int(number)
    except (ValueError, KeyError):
        raise _invalid("The specified nextToken is invalid.") from None


def _accepts(pattern: str) -> _Accepts:
    """A filter pattern of terms, as CloudWatch has them: all of them, `?` any of those, `-` none of those.

    source: CloudWatch Logs User Guide, "Filter pattern syntax", unstructured log events.
    """
    terms = _TERM.findall(pattern)
    if _TERM.sub("", pattern).strip():
        raise _invalid(f"the laptop knows filter patterns of terms, not JSON, columns or %expressions%: {pattern}")
    every = [_words(each) for each in terms if each[0] not in "?-"]
    some = [_words(each[1:]) for each in terms if each[0] == "?"]
    none = [_words(each[1:]) for each in terms if each[0] == "-"]

    def accepts(message: str) -> bool:
        def has(words: Iterable[str]) -> list[bool]:
            return [each in message for each in words]

        return all(has(every)) and (not some or any(has(some))) and not any(has(none))

    return accepts


def _words(term: str) -> str:
    return term[1:-1] if term.startswith('"') else term
