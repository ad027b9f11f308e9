"""Reads databases, and never writes: SQLite files directly, database servers through SQLAlchemy.

The readers' SQL texts are fixed; values that come from a database are only passed as parameters.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from esim.errors import EsimError
from esim.readers.address import Address
from esim.readers.encodings import cells
from esim.readers.limits import limits, too_large
from esim.readers.source import File, Source
from esim.study import Float64, Int64

SQLITE_MAGIC = b"SQLite format 3\0"
# The endings of files that SQLite keeps beside a database while it is open, or after a crash.
SIDECARS = ("-wal", "-shm", "-journal")
# The drivers that SQLAlchemy can use, its own default first, and how to install one.
_DRIVERS = {
    "postgresql": (("psycopg2", "psycopg"), "pip install psycopg2-binary"),
    "mysql": (("MySQLdb", "pymysql"), "pip install pymysql"),
}

_BATCH = 4096  # rows that are taken at a time
_ROW = 32  # bytes of Python's for a cell, and for a row
_LEAST_CELL = 1 << 16  # of the texts of a schema, too
_STEPS = 1_000_000  # of SQLite's own machine, after which it is looked at
_STEPS_AT_LEAST, _STEPS_A_BYTE = 50_000_000, 100

_TABLES: WeakKeyDictionary[File, frozenset[str]] = WeakKeyDictionary()


class Database:
    """An open database.

    Attributes:
        where: the file or address, for errors.
        tables: table -> the names of its columns; views are not among them.
    """

    def __init__(self, where: str, tables: Mapping[str, frozenset[str]], run: Any) -> None:
        self.where, self.tables, self._run = where, tables, run

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is a table of this name that has these columns."""
        return table in self.tables and self.tables[table].issuperset(columns)

    def rows(self, sql: str, **bound: Any) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Args:
            sql: the query, with parameters written as ``:name``.
            bound: the values of the parameters.

        Raises:
            EsimError: the database is damaged or cannot be reached.
        """
        rows: list[tuple[Any, ...]] = self._run(sql, bound)
        return rows


class _Bounds:
    """Bounds what a SQLite file can make esim hold and how long it can take.

    Its own schema may compute columns: of a file of 100 KB each cell may have a gigabyte, and take
    any time. A cell can be stored only if it fits the file, and a query visits what is stored a few
    times.
    """

    def __init__(self, connection: sqlite3.Connection, file: File) -> None:
        self._where, self._size = str(file), file.stored_size
        if file.compression is not None:
            self._size = limits().expanded(self._size)
        self._most = limits().expanded(self._size)
        self._cell = max(_LEAST_CELL, min(limits().cell, self._size))
        self._most_steps = _STEPS_AT_LEAST + _STEPS_A_BYTE * self._size
        self._held = self._steps = 0
        connection.text_factory = self._text
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._cell)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1)  # of no use but to hang
        connection.set_progress_handler(self._step, _STEPS)

    def rows(self, cursor: sqlite3.Cursor) -> list[tuple[Any, ...]]:
        """All rows of a query.

        Raises:
            EsimError: they hold too much.
            sqlite3.Error: a cell does, or the database is damaged, or it took too long.
        """
        self._held = self._steps = 0
        found: list[tuple[Any, ...]] = []
        some = max(1, min(_BATCH, self._most // self._cell))
        while batch := cursor.fetchmany(some):
            found += batch
            self._held += _ROW * len(batch) * (1 + len(batch[0]))
            if bytes in set(map(type, chain.from_iterable(batch))):
                self._held += sum(len(c) for row in batch for c in row if isinstance(c, bytes))
            if self._held > self._most:
                raise too_large("the answer to a query", self._where, self._most)
        return found

    def refused(self, error: Exception) -> EsimError:
        """The error for what SQLite says, which may be that a bound is exceeded."""
        computed = "read a copy without columns and indices that are computed"
        if self._steps >= self._most_steps:
            why = "a query goes on much longer than its size explains"
            what = "the database takes too long"
            return EsimError(what, where=self._where, why=why, fix=computed)
        if "too big" in str(error):
            if self._cell == limits().cell:
                return too_large("a cell of the database", self._where, self._cell)
            why = f"it has more than {self._cell:,} bytes, and the file has {self._size:,}"
            what = "a cell is larger than its file"
            return EsimError(what, where=self._where, why=why, fix=computed)
        return _unusable(self._where, error)

    def _text(self, data: bytes) -> str:
        self._held += len(data)
        return data.decode("utf-8", "replace")

    def _step(self) -> int:
        self._steps += _STEPS
        return int(self._steps >= self._most_steps)


def is_sqlite(file: File) -> bool:
    """Whether a file is a SQLite database, by its first bytes."""
    return file.head.startswith(SQLITE_MAGIC)


def sqlite_files(source: Source, *tables: str) -> list[File]:
    """The SQLite files of an input that have certain tables.

    Raises:
        EsimError: a SQLite file is damaged.
    """
    found = []
    for file in source.files:
        if is_sqlite(file):
            if file not in _TABLES:  # kept, because several formats ask for it
                with open_file(file) as database:
                    _TABLES[file] = frozenset(database.tables)
            if _TABLES[file].issuperset(tables):
                found.append(file)
    return found


def with_sidecars(source: Source, files: Sequence[File]) -> frozenset[File]:
    """Some SQLite files, with those files of the input that SQLite keeps beside them."""
    names = {file.name + ending for file in files for ending in ("", *SIDECARS)}
    return frozenset(file for file in source.files if file.name in names)


@contextmanager
def open_file(file: File, hashed: bool = False) -> Iterator[Database]:
    """Open a SQLite file without writing anything beside it.

    If there is a log of unfinished writes beside it, both are copied and the copy is opened, so
    that these writes count.

    Args:
        file: the file.
        hashed: whether its hash is taken: of the file, and of that log behind it.

    Raises:
        EsimError: the file is damaged, or a query returns more or takes longer than can be.
    """
    with ExitStack() as stack:
        try:
            connection = _connect(file, stack, hashed)
            stack.callback(connection.close)
            bounds = _Bounds(connection, file)
            connection.execute("PRAGMA query_only = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("BEGIN")
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            tables = {
                str(name): frozenset(
                    str(column)
                    for (column,) in connection.execute(
                        "SELECT name FROM pragma_table_info(:name)", {"name": name}
                    )
                )
                for (name,) in names.fetchall()
            }
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise _unusable(str(file), error) from error

        def run(sql: str, bound: dict[str, Any]) -> list[tuple[Any, ...]]:
            try:
                return bounds.rows(connection.execute(sql, bound))
            except (sqlite3.Error, OverflowError) as error:
                raise bounds.refused(error) from error

        yield Database(str(file), tables, run)


@contextmanager
def open_address(address: Address) -> Iterator[Database]:
    """Open a database on a PostgreSQL or MySQL server, in one read-only transaction.

    Raises:
        EsimError: SQLAlchemy or a driver is not installed, or the server cannot be reached.
    """
    where = str(address)
    try:
        import sqlalchemy as sql
    except ImportError:
        raise EsimError(
            "SQLAlchemy is not installed",
            where=where,
            why="databases on a server are read with it",
            fix="pip install sqlalchemy psycopg2-binary (PostgreSQL) or sqlalchemy pymysql (MySQL)",
        ) from None
    url = _with_driver(sql.make_url(_spelled(address.url)), where)
    with ExitStack() as stack:
        try:
            engine = sql.create_engine(url, isolation_level="REPEATABLE READ")
            stack.callback(engine.dispose)
            connection = stack.enter_context(engine.connect())
            if engine.dialect.name == "postgresql":
                connection.execute(sql.text("SET TRANSACTION READ ONLY"))
            inspector = sql.inspect(connection)
            tables = {
                name: frozenset(str(column["name"]) for column in inspector.get_columns(name))
                for name in inspector.get_table_names()
            }
        except sql.exc.SQLAlchemyError as error:
            raise _unusable(where, getattr(error, "orig", None) or error) from None

        def run(text: str, bound: dict[str, Any]) -> list[tuple[Any, ...]]:
            try:
                rows = [tuple(row) for row in connection.execute(sql.text(text), bound)]
            except sql.exc.SQLAlchemyError as error:
                raise _unusable(where, getattr(error, "orig", None) or error) from None
            address.took(repr(rows).encode())
            return rows

        yield Database(where, tables, run)


@contextmanager
def open_databases(source: Source, *tables: str) -> Iterator[list[tuple[File | Address, Database]]]:
    """Open every database of an input that has certain tables, and hash those that are files.

    Yields:
        Each file or address with its open database.

    Raises:
        EsimError: as `open_file` and `open_address`.
    """
    with ExitStack() as stack:
        if source.address is not None:
            database = stack.enter_context(open_address(source.address))
            found: list[tuple[File | Address, Database]] = [(source.address, database)]
        else:
            found = [
                (file, stack.enter_context(open_file(file, hashed=True)))
                for file in sqlite_files(source, *tables)
            ]
        yield [(origin, one) for origin, one in found if all(name in one.tables for name in tables)]


def floats(column: Sequence[Any], where: str, name: str) -> Float64:
    """A column of numbers as float64 [R], NaN where NULL.

    Args:
        column: the cells. [R]
        where: the database, for errors.
        name: the column's name, for errors.

    Raises:
        EsimError: a cell is no number.
    """
    if set(map(type, column)) <= {float, type(None)}:
        return np.array(column, dtype=np.float64)
    return np.array([cells.number(cell, where, name) for cell in column], dtype=np.float64)


def integers(column: Sequence[Any], where: str, name: str) -> Int64:
    """A column of whole numbers as int64 [R].

    Args:
        column: the cells. [R]
        where: the database, for errors.
        name: the column's name, for errors.

    Raises:
        EsimError: a cell is NULL, not a whole number, or beyond what `cells.integer` takes.
    """
    if set(map(type, column)) <= {int}:
        try:
            return np.array(column, dtype=np.int64)
        except OverflowError:
            pass  # reading cell by cell names the number
    return np.array([cells.integer(cell, where, name) for cell in column], dtype=np.int64)


def _connect(file: File, stack: ExitStack, hashed: bool) -> sqlite3.Connection:
    """The opened database; if `hashed`, the hash of what is read is that of the file from then."""
    if file.compression is not None or file.special:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(file.read())
        return connection
    path = file.path.resolve()
    pending = [Path(f"{path}{ending}") for ending in ("-wal", "-journal")]
    pending = [one for one in pending if one.exists() and one.stat().st_size]
    if pending:
        # SQLite would complete these writes in the user's file; here it does so in a copy.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        copies = _copy([path, *pending], folder)
        if hashed:
            file.hash(copies)
        return sqlite3.connect(copies[0], isolation_level=None)
    if hashed:
        file.hash()
    # Opening a database in WAL mode (bytes 18 and 19 are 2) would create its -wal and -shm files.
    options = "mode=ro&immutable=1" if 2 in file.head[18:20] else "mode=ro"
    return sqlite3.connect(f"{path.as_uri()}?{options}", uri=True, isolation_level=None)


def _copy(paths: Sequence[Path], folder: Path) -> list[Path]:
    """Copies of a database and its unfinished writes, made while nobody wrote to them.

    Raises:
        EsimError: the database changed during each of five attempts.
    """
    for _ in range(5):
        before = _states(paths)
        for path in paths:
            if path.exists():
                shutil.copyfile(path, folder / path.name)
        if _states(paths) == before:
            return [folder / path.name for path in paths if path.exists()]
    raise EsimError(
        "the database is being written to", where=str(paths[0]), fix="try again, or read a copy"
    )


def _states(paths: Sequence[Path]) -> list[tuple[int, int] | None]:
    stats = [os.stat(path) if path.exists() else None for path in paths]
    return [None if stat is None else (stat.st_mtime_ns, stat.st_size) for stat in stats]


def _spelled(url: str) -> str:
    """A URL with the database's name as SQLAlchemy spells it."""
    for ours, theirs in (("postgres:", "postgresql:"), ("mariadb:", "mysql:")):
        if url.startswith(ours):
            return theirs + url[len(ours) :]
    return url


def _with_driver(url: Any, where: str) -> Any:
    """The URL with a driver that is installed, if it names none."""
    if "+" in url.drivername:
        return url
    drivers, install = _DRIVERS[url.drivername]
    for driver in drivers:
        if importlib.util.find_spec(driver) is not None:
            return url.set(drivername=f"{url.drivername}+{driver.lower()}")
    raise EsimError(
        f"no driver for {url.drivername} is installed",
        where=where,
        why="SQLAlchemy can use " + " or ".join(drivers),
        fix=install,
    )


def _unusable(where: str, error: BaseException) -> EsimError:
    return EsimError("the database cannot be read", where=where, why=str(error).strip())
