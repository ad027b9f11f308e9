"""Reads NumPy's files of arrays; an array of objects, which would be a pickle, is refused."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esim.errors import EsimError
from esim.readers.source import File


def array(data: bytes, place: str) -> NDArray[Any]:
    """The array that the contents of a .npy file hold.

    Args:
        data: the contents.
        place: where they are, for the error.

    Raises:
        EsimError: they are damaged, or hold objects.
    """
    try:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise _broken(place, error) from None


def mapped(file: File) -> NDArray[Any]:
    """The array of a .npy file, of which only what is used is read.

    Raises:
        EsimError: as `array`.
    """
    if file.special:
        return array(file.read(), str(file))
    file.hash()
    try:
        return np.asarray(np.load(file.path, mmap_mode="r", allow_pickle=False))
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise _broken(str(file), error) from None


def _broken(place: str, error: Exception) -> EsimError:
    return EsimError("no array, or a damaged one", where=place, why=str(error))
