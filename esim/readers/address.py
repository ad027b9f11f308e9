"""`Address`, an input that is a database or a tracking server and is given by its URL."""

from __future__ import annotations

import hashlib
from typing import Literal
from urllib.parse import unquote, urlsplit

from esim.errors import EsimError

DATABASES = ("postgresql", "postgres", "mysql", "mariadb")
SERVERS = ("http", "https")
# The schemes of URLs that name a file on this machine.
_PATHS = ("sqlite", "file")

AddressKind = Literal["database", "server"]


class Address:
    """The URL of a database or a tracking server. As text it is shown without its password.

    Attributes:
        url: the URL as given, for connecting. It may hold a password, so it is never shown.
        kind: whether it is a database or a server.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.kind: AddressKind = "server" if _scheme(url) in SERVERS else "database"
        self._digest = hashlib.sha256()
        self._read = False

    def __str__(self) -> str:
        parts = urlsplit(self.url)
        user, at, host = parts.netloc.rpartition("@")
        shown = user.partition(":")[0] + at + host
        return f"{parts.scheme}://{shown}{parts.path}"

    @property
    def name(self) -> str:
        """The name for a study that has none of its own: the last part of the URL."""
        parts = urlsplit(self.url)
        return parts.path.strip("/").rpartition("/")[2] or parts.hostname or "study"

    def took(self, data: bytes) -> None:
        """Add something that was read from the address to `sha256`."""
        self._digest.update(data)
        self._read = True

    @property
    def sha256(self) -> str | None:
        """The hash of everything that was read from the address, in order; None before."""
        return self._digest.hexdigest() if self._read else None


def parse_address(given: str) -> Address | str | None:
    """What a path or URL stands for.

    Args:
        given: the path or URL as the user gave it.

    Returns:
        An `Address` for the URL of a database or server, the path in a sqlite: or file: URL, and
        None for a plain path.

    Raises:
        EsimError: the URL is of a kind that esim does not read.
    """
    if "://" not in given:
        return None
    scheme = _scheme(given)
    if scheme in _PATHS:
        rest = given.split("://", 1)[1].partition("?")[0]
        # SQLAlchemy's URL has one slash before a path, so an absolute one has two; file: has none.
        path = rest[1:] if scheme == "sqlite" else unquote(rest)
        if not path or (scheme == "sqlite" and not rest.startswith("/")):
            raise EsimError(
                f"a {scheme}: URL without a path",
                where=given,
                fix="sqlite:///relative/or//absolute",
            )
        return path
    if scheme in DATABASES or scheme in SERVERS:
        return Address(given)
    if scheme == "s3":
        raise EsimError("s3:// is not read directly", where=given, fix="aws s3 sync it to a folder")
    raise EsimError(
        f"{scheme}:// is not read",
        where=str(Address(given)),
        fix="a path, or a URL of " + ", ".join((*_PATHS[:1], *DATABASES, *SERVERS)),
    )


def _scheme(url: str) -> str:
    """A URL's scheme without a driver: that of SQLAlchemy's postgresql+psycopg is postgresql."""
    return url.partition("://")[0].partition("+")[0].lower()
