"""Databases, read and never written: SQLite files by the standard library, servers by SQLAlchemy.

All SQL is written in the readers with fixed names; what comes from a database is only ever bound.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from esim.errors import EsimError
from esim.readers.address import Address
from esim.readers.encodings import cells
from esim.readers.source import File, Source
from esim.study import Float64, Int64

SQLITE_MAGIC = b"SQLite format 3\0"
# Beside a database that is open, or was when its writer died.
SIDECARS = ("-wal", "-shm", "-journal")
# The drivers SQLAlchemy can use, its own default first, and how to install one.
_DRIVERS = {
    "postgresql": (("psycopg2", "psycopg"), "pip install 'esim[postgresql]'"),
    "mysql": (("MySQLdb", "pymysql"), "pip install 'esim[mysql]'"),
}

_TABLES: WeakKeyDictionary[File, frozenset[str]] = WeakKeyDictionary()


class Database:
    """An open database.

    Attributes:
        where: for errors.
        tables: the columns of each table; views are no tables.
    """

    def __init__(self, where: str, tables: Mapping[str, frozenset[str]], run: Any) -> None:
        self.where, self.tables, self._run = where, tables, run

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is such a table with such columns."""
        return table in self.tables and self.tables[table].issuperset(columns)

    def rows(self, sql: str, **bound: Any) -> list[tuple[Any, ...]]:
        """All rows of a query whose ``:name`` parameters are bound."""
        rows: list[tuple[Any, ...]] = self._run(sql, bound)
        return rows


def is_sqlite(file: File) -> bool:
    """By the first bytes."""
    return file.head.startswith(SQLITE_MAGIC)


def sqlite_files(source: Source, *tables: str) -> list[File]:
    """The SQLite files that have these tables. Raises EsimError if one is damaged."""
    found = []
    for file in source.files:
        if is_sqlite(file):
            if file not in _TABLES:  # several formats ask
                with open_file(file) as database:
                    _TABLES[file] = frozenset(database.tables)
            if _TABLES[file].issuperset(tables):
                found.append(file)
    return found


def with_sidecars(source: Source, files: Sequence[File]) -> frozenset[File]:
    """The files and what SQLite keeps beside them."""
    names = {file.name + ending for file in files for ending in ("", *SIDECARS)}
    return frozenset(file for file in source.files if file.name in names)


@contextmanager
def open_file(file: File) -> Iterator[Database]:
    """A SQLite file, without writing anything beside it.

    A log of unfinished writes beside it counts: both are then read from a copy.

    Raises:
        EsimError: it is damaged.
    """
    with ExitStack() as stack:
        try:
            connection = _connect(file, stack)
            stack.callback(connection.close)
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
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
        except sqlite3.Error as error:
            raise _unusable(str(file), error) from error

        def run(sql: str, bound: dict[str, Any]) -> list[tuple[Any, ...]]:
            try:
                return connection.execute(sql, bound).fetchall()
            except (sqlite3.Error, OverflowError) as error:
                raise _unusable(str(file), error) from error

        yield Database(str(file), tables, run)


@contextmanager
def open_address(address: Address) -> Iterator[Database]:
    """A PostgreSQL or MySQL server, in one read-only transaction.

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
            fix="pip install 'esim[postgresql]' or 'esim[mysql]'",
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
    """Every database of a source that has these tables; a file that is read gets its hash."""
    with ExitStack() as stack:
        if source.address is not None:
            database = stack.enter_context(open_address(source.address))
            found: list[tuple[File | Address, Database]] = [(source.address, database)]
        else:
            found = [
                (file, stack.enter_context(open_file(file)))
                for file in sqlite_files(source, *tables)
            ]
            for file, _ in found:
                if isinstance(file, File):
                    file.hash()
        yield [(origin, one) for origin, one in found if all(name in one.tables for name in tables)]


def floats(column: Sequence[Any], where: str, name: str) -> Float64:
    """A column of numbers, NaN where NULL. Raises EsimError for anything else."""
    if set(map(type, column)) <= {float, type(None)}:
        return np.array(column, dtype=np.float64)
    return np.array([cells.number(cell, where, name) for cell in column], dtype=np.float64)


def integers(column: Sequence[Any], where: str, name: str) -> Int64:
    """A column of whole numbers. Raises EsimError for anything else, and beyond 64 bits."""
    if set(map(type, column)) <= {int}:
        try:
            return np.array(column, dtype=np.int64)
        except OverflowError:
            pass  # the cells say which
    return np.array([cells.integer(cell, where, name) for cell in column], dtype=np.int64)


def _connect(file: File, stack: ExitStack) -> sqlite3.Connection:
    if file.compression is not None:
        connection = sqlite3.connect(":memory:", isolation_level=None)
        connection.deserialize(file.read())
        return connection
    path = file.path.resolve()
    pending = [Path(f"{path}{ending}") for ending in ("-wal", "-journal")]
    if any(one.exists() and one.stat().st_size for one in pending):
        # SQLite would finish these writes in place; it may, in a copy.
        copied = _copy(path, pending, Path(stack.enter_context(tempfile.TemporaryDirectory())))
        return sqlite3.connect(copied, isolation_level=None)
    # A database in WAL mode (bytes 18 and 19) would get its -wal and -shm files back on opening.
    options = "mode=ro&immutable=1" if 2 in file.head[18:20] else "mode=ro"
    return sqlite3.connect(f"{path.as_uri()}?{options}", uri=True, isolation_level=None)


def _copy(path: Path, pending: Sequence[Path], folder: Path) -> Path:
    """A copy of a database and its unfinished writes, taken while nobody wrote to it."""
    for _ in range(5):
        before = _states([path, *pending])
        for one in [path, *pending]:
            if one.exists():
                shutil.copyfile(one, folder / one.name)
        if _states([path, *pending]) == before:
            return folder / path.name
    raise EsimError(
        "the database is being written to", where=str(path), fix="try again, or read a copy"
    )


def _states(paths: Sequence[Path]) -> list[tuple[int, int] | None]:
    stats = [os.stat(path) if path.exists() else None for path in paths]
    return [None if stat is None else (stat.st_mtime_ns, stat.st_size) for stat in stats]


def _spelled(url: str) -> str:
    """With the names of the databases that SQLAlchemy knows."""
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
