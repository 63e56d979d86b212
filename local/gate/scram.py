"""The server's side of SCRAM-SHA-256 (RFC 5802, 7677) as PostgreSQL has it, without channel binding. Pure.

No library: scramp, the one that is kept, refuses the empty user name that libpq sends (since 1.4.18).
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import stringprep
import unicodedata
from functools import lru_cache

MECHANISM = "SCRAM-SHA-256"
_ITERATIONS = 4096  # as RDS Proxy
_HEADERS = {"n,,": "biws", "y,,": "eSws"}  # that the client takes no channel binding, or knows that we have none


class Unproven(Exception):  # noqa: N818 - what is told to the client, not a fault of ours
    """The client does not know the password, or says something else."""


class ScramServer:
    """One login."""

    def __init__(self, password: str) -> None:
        self._salt, self._stored_key, self._server_key = _verifier(password)
        self._nonce = self._spoken = self._header = ""

    def first(self, said: str) -> str:
        """The answer to the client's first message.

        Raises:
            Unproven: it is none.
        """
        self._header, bare = said[:3], said[3:]
        words = bare.split(",")
        if self._header not in _HEADERS or len(words) < 2 or words[0][:2] != "n=" or words[1][:2] != "r=":
            raise Unproven
        self._nonce = words[1][2:] + secrets.token_urlsafe(18)
        answer = f"r={self._nonce},s={base64.b64encode(self._salt).decode()},i={_ITERATIONS}"
        self._spoken = f"{bare},{answer}"
        return answer

    def final(self, said: str) -> str:
        """The answer to its final message, which proves that it knows the password.

        Raises:
            Unproven: it does not.
        """
        without, _, proof = said.rpartition(",p=")
        if without != f"c={_HEADERS[self._header]},r={self._nonce}":
            raise Unproven
        spoken = f"{self._spoken},{without}".encode()
        signature = hmac.digest(self._stored_key, spoken, "sha256")
        try:
            given = base64.b64decode(proof, validate=True)
        except (binascii.Error, ValueError):
            raise Unproven from None
        key = bytes(one ^ other for one, other in zip(given, signature, strict=False))
        if len(given) != len(signature) or not hmac.compare_digest(hashlib.sha256(key).digest(), self._stored_key):
            raise Unproven
        return "v=" + base64.b64encode(hmac.digest(self._server_key, spoken, "sha256")).decode()


@lru_cache(maxsize=64)
def _verifier(password: str) -> tuple[bytes, bytes, bytes]:
    """Salt, stored key and server key, which take 4,096 rounds to make."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password).encode(), salt, _ITERATIONS)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return salt, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")


def _prepared(password: str) -> str:
    """SASLprep (RFC 4013); what it prohibits stays as it is, as libpq has it."""
    if password.isascii():
        return password
    mapped = "".join(
        " " if stringprep.in_table_c12(each) else "" if stringprep.in_table_b1(each) else each for each in password
    )
    return unicodedata.normalize("NFKC", mapped) or password
