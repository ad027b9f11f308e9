"""Where the work on many studies runs: in this process, local processes, threads, or a cluster.

Each engine is an executor of another library, which schedules the work, moves data and repeats what
a lost worker did. Results are handed over as they finish. Local workers end with the process that
started them, however it ends; those of dask and ray see to that themselves.
"""

from __future__ import annotations

import concurrent.futures as futures
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from esim.errors import EsimError

Item = TypeVar("Item")
Made = TypeVar("Made")
Submit = Callable[..., "futures.Future[Any]"]

ENGINES = ("local", "threads", "dask", "ray")
_LIBRARIES = {"dask": "distributed", "ray": "ray"}
AHEAD = 4  # units submitted for each worker: they keep it busy, and fit into memory
LOST_S = (
    300.0  # seconds without any worker after which a cluster is given up; new ones take minutes
)
PULSE_S = 5.0  # seconds without a result after which a cluster is asked for its workers

_GO_ON = "esim replay goes on with --resume"


def check_engine(engine: str, jobs: int | None, address: str | None) -> None:
    """Check an engine and its arguments, as of `opened`.

    Raises:
        EsimError: an unknown engine, a number of jobs below 1, or an address for an engine that
            takes none.
    """
    if engine not in ENGINES:
        raise EsimError(f"no engine {engine!r}", fix="one of: " + ", ".join(ENGINES))
    if jobs is not None and jobs < 1:
        raise EsimError(f"jobs cannot be {jobs}", fix="a whole number, at least 1")
    if address is not None and engine not in ("dask", "ray"):
        raise EsimError(f"engine {engine!r} takes no address", fix="--engine dask or ray")


class Workers:
    """Workers that serve one run after another.

    Without `submit`, the work runs in this process and thread. `slots`: how many units run at once.
    `left`: whether there is any worker left.
    """

    def __init__(
        self, submit: Submit | None, slots: int, left: Callable[[], bool] = lambda: True
    ) -> None:
        self._submit, self._slots, self._left = submit, slots, left

    def run(
        self, work: Callable[[Item], Made], units: Sequence[Item]
    ) -> Iterator[tuple[int, Made]]:
        """Do the work on every unit; yield (position of the unit, result) as each finishes.

        Args:
            work: a module-level function, or a partial of one; its arguments and results are
                pickled by every engine but threads.

        Raises:
            EsimError: the engine gives up, as when a local worker is killed, or there has been no
                worker for LOST_S seconds.
        """
        if self._submit is None:
            for i, unit in enumerate(units):
                yield i, work(unit)
            return
        waiting = iter(enumerate(units))
        under_way: dict[futures.Future[Made], int] = {}
        seen = time.monotonic()
        while True:
            while len(under_way) < AHEAD * self._slots and (following := next(waiting, None)):
                with _giving_up():
                    under_way[self._submit(work, following[1])] = following[0]
            if not under_way:
                return
            done, _ = futures.wait(under_way, PULSE_S, futures.FIRST_COMPLETED)
            if done or self._left():
                seen = time.monotonic()
            elif time.monotonic() - seen > LOST_S:
                raise EsimError(f"no worker has been there for {LOST_S:g} s", fix=_GO_ON)
            for future in done:
                with _giving_up():
                    made = future.result()
                yield under_way.pop(future), made


@contextmanager
def _giving_up() -> Iterator[None]:
    """Errors of the engine inside, not of the work, are EsimErrors."""
    try:
        yield
    except Exception as error:
        theirs = type(error).__module__.partition(".")[0] in ("distributed", "ray")
        if not theirs and not isinstance(error, futures.BrokenExecutor | futures.CancelledError):
            raise
        raise EsimError(
            "the engine gave up",
            why=f"{type(error).__name__}: {error}",
            fix=f"{_GO_ON}; fewer --jobs need less memory",
        ) from error


@contextmanager
def opened(
    *,
    engine: str = "local",
    jobs: int | None = None,
    address: str | None = None,
    most: int | None = None,
) -> Iterator[Workers]:
    """Workers of an engine, as a context.

    Args:
        engine: one of `ENGINES`.
        jobs: workers on this machine; by default as many as it has cores. A cluster that is given
            by `address` has its own number of workers.
        address: of a running dask scheduler (``tcp://host:8786``) or ray cluster (``auto``,
            ``ray://host:10001``); without one a cluster of processes starts on this machine.
        most: units of the longest run; no more workers than that are started.

    Raises:
        EsimError: the engine is not installed, or the cluster cannot be reached.
    """
    check_engine(engine, jobs, address)
    workers = jobs or os.cpu_count() or 1
    if most is not None:
        workers = min(workers, max(most, 1))
    if engine in ("local", "threads") and workers == 1:
        yield Workers(None, 1)
        return
    with _OPENERS[engine](workers, address) as there:
        yield there


def run(
    work: Callable[[Item], Made],
    units: Sequence[Item],
    *,
    engine: str = "local",
    jobs: int | None = None,
    address: str | None = None,
) -> Iterator[tuple[int, Made]]:
    """One run with workers of its own; as `Workers.run`, with the other arguments of `opened`."""
    with opened(engine=engine, jobs=jobs, address=address, most=len(units)) as workers:
        yield from workers.run(work, units)


@contextmanager
def _local(workers: int, address: None) -> Iterator[Workers]:
    # Spawned, because a forked copy of a process whose threads hold locks may hang.
    context = multiprocessing.get_context("spawn")
    watched, held = context.Pipe(duplex=False)
    pool = futures.ProcessPoolExecutor(
        workers, mp_context=context, initializer=_end_with, initargs=(watched,)
    )

    def submit(work: Any, unit: Any) -> futures.Future[Any]:
        with _without_interrupts():
            return pool.submit(work, unit)

    with held, watched:
        try:
            yield Workers(submit, workers)
        except BaseException:
            held.close()
            raise
        finally:
            pool.shutdown(cancel_futures=True)


def _end_with(watched: Connection) -> None:
    """In a worker: end as soon as the other end of a pipe is closed, be it by its process's end.

    The process that started the worker holds that end and sends nothing.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of a terminal

    def watch() -> None:
        try:
            watched.recv_bytes()
        except (EOFError, OSError):
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ctrl-C inside waits; processes started inside never get it, from their first moment on."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _threads(workers: int, address: None) -> Iterator[Workers]:
    pool = futures.ThreadPoolExecutor(workers)
    finished = False
    try:
        yield Workers(pool.submit, workers)
        finished = True
    finally:
        pool.shutdown(wait=finished, cancel_futures=True)


@contextmanager
def _dask(workers: int, address: str | None) -> Iterator[Workers]:
    try:
        import distributed
    except ImportError:
        raise _missing("dask") from None
    try:
        client = (
            distributed.Client(address, timeout="20s")
            if address
            else distributed.Client(n_workers=workers, threads_per_worker=1, dashboard_address=None)
        )
    except (OSError, ValueError) as error:
        raise _unreachable("dask", address, error) from error

    def left() -> bool:
        try:
            return bool(client.sync(client.scheduler.ncores, callback_timeout=PULSE_S))
        except OSError:  # the scheduler does not answer
            return False

    with client:
        # pure=False: dask must not take two units that look alike for one.
        submit = client.get_executor(pure=False).submit
        yield Workers(submit, max(len(client.ncores()), 1), left)


@contextmanager
def _ray(workers: int, address: str | None) -> Iterator[Workers]:
    try:
        import ray
    except ImportError:
        raise _missing("ray") from None
    before = signal.getsignal(signal.SIGTERM)
    try:
        try:
            if address:
                ray.init(address=address, log_to_driver=False, logging_level="error")
            else:
                ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False,
                         logging_level="error")  # fmt: skip
        except (OSError, ValueError, ConnectionError, RuntimeError) as error:
            raise _unreachable("ray", address, error) from error
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)  # which ray has taken
        remote = ray.remote(_call)
        slots = int(ray.cluster_resources().get("CPU", workers))
        yield Workers(lambda work, unit: remote.remote(work, unit).future(), max(slots, 1))
    finally:
        ray.shutdown()


def _call(work: Callable[[Item], Made], unit: Item) -> Made:
    return work(unit)


def _missing(engine: str) -> EsimError:
    return EsimError(f"engine {engine} is not installed", fix=f"pip install {_LIBRARIES[engine]}")


def _unreachable(engine: str, address: str | None, error: Exception) -> EsimError:
    return EsimError(
        f"no {engine} cluster can be reached", where=address, why=f"{type(error).__name__}: {error}"
    )


_OPENERS: dict[str, Any] = {"local": _local, "threads": _threads, "dask": _dask, "ray": _ray}
