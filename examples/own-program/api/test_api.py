"""What the function makes of a database's answer. The database is played: neither one nor its driver is needed."""

import runpy
import sys
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType
from unittest.mock import MagicMock, patch


def test_it_answers_from_a_query():
    conn = MagicMock()
    conn.execute.return_value.fetchone.return_value = (1,)
    played = ModuleType("rds_connection")
    played.connection = lambda context: nullcontext(conn)
    with patch.dict(sys.modules, rds_connection=played):
        app = runpy.run_path(str(Path(__file__).with_name("app.py")))
        assert app["handler"]({}, None) == {"answer": 1}
