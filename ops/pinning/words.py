"""What a text of SQL is made of, as far as pinning and digests need it: words, literals, names and signs. Pure."""

import re
from collections.abc import Iterator

# Possessive quantifiers throughout: a text of megabytes without a closing quote costs one pass and no more.
_CONTINUES = r"(?:[ \t\f\v]|--[^\r\n]*+)*+[\r\n](?:\s|--[^\r\n]*+)*+"
POSTGRESQL = re.compile(
    rf"""
    (?P<word>(?!(?:[bexn]|u&)'|u&")[^\W\d][\w$]*+)
  | (?P<sign>[,;()=<>]|\.(?![0-9]))
  | (?P<blank>\s++|--[^\r\n]*+)
  | (?P<nested>/\*)
  | (?P<name>(?:u&)?"(?:[^"]|"")*+")
  | (?P<string>
        e'(?:[^'\\]|\\.|'')*+(?:'(?:{_CONTINUES}'(?:[^'\\]|\\.|'')*+')*+|\\?\Z)
      | (?:b|x|n|u&)?'(?:[^']|'')*+(?:'|\Z)
      | \$(?P<tag>(?:[^\W\d]\w*+)?+)\$.*?(?-i:\$(?P=tag)\$|\Z)
      | ".*)
  | (?P<parameter>\$[0-9]++)
  | (?P<number>0[xob][0-9a-f_]++|(?:[0-9][0-9_]*+(?:\.[0-9_]*+)?+|\.[0-9][0-9_]*+)(?:e[+-]?[0-9_]++)?+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
MYSQL = re.compile(
    r"""
    (?P<word>(?!(?:[bxn]|_\w+\s*+)')[^\W\d][\w$]*+)
  | (?P<sign>[,;()=<>]|\.(?![0-9]))
  | (?P<blank>\s++|\#[^\n]*+|--(?=\s|\Z)[^\n]*+)
  | (?P<executable>/\*M?!.*?(?:\*/|\Z))
  | (?P<comment>/\*.*?(?:\*/|\Z))
  | (?P<name>`(?:[^`]|``)*+`)
  | (?P<string>
        (?:[bxn]|_\w+\s*+)?'(?:[^'\\]|\\.|'')*+(?:'|\\?\Z)
      | "(?:[^"\\]|\\.|"")*+(?:"|\\?\Z)
      | `.*)
  | (?P<parameter>\?)
  | (?P<number>0[xb][0-9a-f]++|(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:e[+-]?[0-9]++)?+)
  | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")


def tokens(text: str, dialect: re.Pattern[str] = POSTGRESQL) -> Iterator[tuple[str, str]]:
    """(kind, text) of each part of a text, in order; kinds are the dialect's groups, a nested comment is a `comment`.

    What is not closed, a literal or a quoted name, is a `string` up to the text's end.
    """
    at = 0
    while at < len(text):
        for found in dialect.finditer(text, at):
            kind = found.lastgroup or ""
            if kind == "nested":  # PostgreSQL's comments contain comments
                at = _comment_end(text, found.start())
                yield "comment", text[found.start() : at]
                break
            yield kind, found.group()
        else:
            return


def _comment_end(text: str, start: int) -> int:
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return len(text)
