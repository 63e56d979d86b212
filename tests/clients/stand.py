from dataclasses import dataclass
from typing import Any

CEILING = 5


@dataclass
class Stand:
    at: dict[str, str]
    straight: dict[str, str]
    gate: int

    def seen(self) -> Any:
        class Any_:
            def __getattr__(self, name):
                return 0

        return Any_()
