"""Text from bytes; UTF-16, which PowerShell and Excel write, as UTF-8, which all else reads."""

from __future__ import annotations

import codecs


def text_of(data: bytes) -> str:
    """UTF-8 text without a byte order mark; undecodable bytes are replaced."""
    return data.decode("utf-8", errors="replace").removeprefix("\ufeff")


def without_utf16(data: bytes) -> bytes:
    """The contents of a text file, or the begin of them; UTF-16 becomes UTF-8.

    >>> without_utf16("a,b".encode("utf-16"))
    b'a,b'
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and b"\0" in data[:100]:
        return data.decode("utf-16", errors="replace").encode()
    return data
