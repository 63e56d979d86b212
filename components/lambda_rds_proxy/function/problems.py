"""What cannot go together in the settings of a function. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping

from ..engines import Auth
from ..references import ProxyRef
from ..settings.reading import with_defaults
from ..settings.spelling import Spelling
from .args import FunctionSettings
from .lambda_arguments import lambda_argument_problems

# CreateFunction refuses them. Lambda Developer Guide, "Working with Lambda environment variables": those that are
# reserved; cfn-lint has the same list, and a test compares.
RESERVED_VARIABLES = frozenset(
    {
        *("_HANDLER", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
        *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_RUNTIME_API"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
    }
)
# CreateFunction: a letter, digit, hyphen or underscore; short enough to leave room for project and stack.
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,39}")


# Lambda Developer Guide, "Configuring reserved concurrency": of the account's limit 100 stay unreserved, and of a limit
# below that all of it ("…decreases account's UnreservedConcurrentExecution below its minimum value of [10]").
_MUST_STAY_UNRESERVED = 100


def function_problems(name: str, given: FunctionSettings, call: Spelling) -> Iterator[str]:
    """Each problem of a function alone, as a sentence that names the setting and the fix."""
    for key in given.get("environment", {}):
        if key in RESERVED_VARIABLES or (key.startswith("DB_") and not key.startswith("DB_POOL_")):
            whose = "Lambda reserves it" if key in RESERVED_VARIABLES else "the proxy gives the DB_ names"
            if key == "DB_READER_FALLBACK":
                whose = f"set {call.step('reader_fallback')} instead"
            yield f"{call(f'functions.{name}.environment')}.{key} is not yours to set; {whose}"
    yield from lambda_argument_problems(name, given.get("lambda_arguments", {}), call)
    if "concurrency-nearly-used-up" in given.get("alarms", ()) and "reserved_concurrency" not in given:
        yield (
            f"{call(f'functions.{name}.alarms')} has concurrency-nearly-used-up without "
            f"{call.step('reserved_concurrency')}, of which it is a share; reserve some or leave the alarm out"
        )


def concurrency_problems(
    functions: Mapping[str, FunctionSettings], call: Spelling, *, limit: int | None
) -> Iterator[str]:
    """Whether the account's limit of concurrent executions, if it is known, lets all of them be reserved.

    Lambda refuses a reservation only after the function is made, with everything else already there.
    """
    reserved = [each["reserved_concurrency"] for each in functions.values() if "reserved_concurrency" in each]
    if limit is None or not reserved:
        return
    stay = min(limit, _MUST_STAY_UNRESERVED)
    if sum(reserved) > limit - stay:
        sums = " + ".join(map(str, reserved)) + (f" = {sum(reserved)}" if len(reserved) > 1 else "")
        yield (
            f"{sums} concurrent executions are reserved, but {stay} of the account's {limit} "
            f"({call('stack.account_concurrent_executions')}) must stay unreserved, which leaves {limit - stay}; "
            f"lower {call.step('reserved_concurrency')} or leave it out, or have the account's quota raised"
        )


def proxy_problems(proxy: ProxyRef, call: Spelling) -> Iterator[str]:
    """Whether a proxy says all that its clients need to log in."""
    if proxy["auth"] is Auth.SECRET and "secret_arn" not in proxy:
        yield f"{call('proxy')} has auth secret and no secret; clients read the password there, give secret_arn"


def name_problems(name: str, call: Spelling) -> Iterator[str]:
    """Whether a function can have this name."""
    if not _NAME.fullmatch(name):
        yield (
            f'{call("functions")} has the name "{name}"; it must be a name of at most 40 letters, digits, hyphens and '
            "underscores, starting with a letter"
        )


def functions_problems(
    name: str, given: FunctionSettings, call: Spelling, *, borrow_timeout: int, users: Collection[str]
) -> Iterator[str]:
    """Each problem of a function among the other parts of a stack."""
    yield from function_problems(name, given, call)
    yield from name_problems(name, call)
    timeout = with_defaults(FunctionSettings, given)["timeout"]
    if borrow_timeout >= timeout:
        yield (
            f"{call('proxy.connection_borrow_timeout')} is {borrow_timeout} but the timeout of function {name} is "
            f"{timeout} s; it must be below it, or the function is ended before the proxy can answer"
        )
    if given.get("user", next(iter(users))) not in users:
        yield f"{call(f'functions.{name}.user')} is {given['user']}; the users of this stack are {', '.join(users)}"
