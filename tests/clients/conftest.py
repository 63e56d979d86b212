import json
import os

import pytest

from tests.clients.stand import Stand


@pytest.fixture(scope="module")
def stand():
    at = json.load(open("/tmp/w/cl/env.json"))
    return Stand(at, at, os.getpid())
