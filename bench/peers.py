"""Other tools in environments of their own in the cache: they are measured beside ours, and no requirement of ours."""

import re
from pathlib import Path

from toolchain.checkout import cache_root
from toolchain.environments import make_environment


def peer(name: str) -> tuple[Path, str]:
    """The programs of a peer's environment, made of its locked list when it is first asked for; and its version."""
    requirements = Path(__file__).parent / f"{name}.txt"
    home = cache_root() / "peers" / name
    make_environment(home, requirements, name)
    (version,) = re.findall(r"==(\S+)", requirements.with_suffix(".in").read_text())
    return home / "bin", version
