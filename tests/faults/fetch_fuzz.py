"""Changes what AWS answers at random, and fetches: no answer ends in a traceback.

    python -m tests.faults.fetch_fuzz --count 10000 --seed 1 [--keep FOLDER]

One answer of a small account is changed: as `tests.faults.fuzz` changes files, or into a proxy's
page, the answer to another request, a refusal, or pages without end. What comes of it is a class:
the same study, another one with a note, another one without, or a clear error. All else fails: a
bug, more than ten seconds, and, after an error, a second fetch from the true account that does not
end with the same bytes as one that nobody disturbed. Prints a table of class by kind, and exits
with 1 if anything failed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.awsrequest import AWSResponse

import esim.fetch
from esim.errors import BugError, EsimError
from esim.fetch import Account, answers
from tests.faults import fuzz
from tests.faults.kills import contents
from tests.faults.samples import LONGEST_S, Sample, bug, in_time, read
from tests.faults.tally import Tally
from tests.fetch.aws import FakeAws, environment, reply
from tests.paths import DATA

Asked = tuple[str, bytes]  # target and body of a request
Answer = tuple[int, bytes]  # status and body
# What is answered to a request, given the true answer and how often something was asked.
Fault = Callable[[Answer, int], Answer]

PAGES: tuple[bytes, ...] = (
    *(b"", b"{}", b"[]", b"null", b"0", b'"x"', b"true", b"[{}]", b"\xff\xfe", b"{"),
    *(b"<html><body>Sign in</body></html>", b"<?xml version='1.0'?><Error/>"),
    *(b"[" * 100_000, b'{"events":' * 5_000, b'{"message": "ok"}', b'{"__type": 1}'),
)
STATUS = (204, 206, 301, 302, 400, 401, 403, 404, 407, 418, 500, 502)


@dataclass(frozen=True)
class Undisturbed:
    """A fetch of the account that nobody disturbs.

    Attributes:
        answers: its requests in a fixed order, and their answers.
        files: what it wrote.
        notes: the codes of its notes.
        sample: what is read of it.
    """

    answers: dict[Asked, Answer]
    files: dict[str, bytes]
    notes: frozenset[str]
    sample: Sample


class Wire:
    """Stands between botocore and the account, in this process, in the place of HTTP.

    Attributes:
        account: the account.
        asked: the requests so far, and their answers.
        faults: request, or request without the token of its page -> what becomes of its answer.
        sent: how often each request without such a token was answered.
    """

    def __init__(self, account: FakeAws) -> None:
        self.account = account
        self.asked: dict[Asked, Answer] = {}
        self.faults: dict[Asked, Fault] = {}
        self.sent: Counter[Asked] = Counter()

    def send(self, request: Any) -> AWSResponse:
        asked = (request.headers["X-Amz-Target"].decode(), bytes(request.body))
        answer = reply(self.account, *asked)
        self.asked[asked] = answer
        pages = all_pages(asked)
        self.sent[pages] += 1
        fault = self.faults.get(asked) or self.faults.get(pages) or self.faults.get((asked[0], b""))
        status, body = answer if fault is None else fault(answer, self.sent[pages])
        headers = {"content-type": "application/x-amz-json-1.1"}
        return AWSResponse(request.url, status, headers, _Raw(body))


def all_pages(asked: Asked) -> Asked:
    """A request without the token of its page."""
    parameters = json.loads(asked[1])
    kept = {key: value for key, value in parameters.items() if key.lower() != "nexttoken"}
    return asked[0], json.dumps(kept).encode()


@dataclass(frozen=True)
class _Raw:
    body: bytes

    def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield self.body


# -- changes ---------------------------------------------------------------------------------------


def proxy(known: dict[Asked, Answer], chosen: Asked, rng: random.Random) -> dict[Asked, Fault]:
    """A page of another kind, with status 200, in the place of one page or of all."""
    page, at = rng.choice(PAGES), chosen if rng.random() < 0.5 else all_pages(chosen)
    return {at: lambda answer, sent: (200, page)}


def other(known: dict[Asked, Answer], chosen: Asked, rng: random.Random) -> dict[Asked, Fault]:
    """The answer to another request."""
    wrong = known[rng.choice(list(known))]
    return {chosen: lambda answer, sent: wrong}


def refusal(known: dict[Asked, Answer], chosen: Asked, rng: random.Random) -> dict[Asked, Fault]:
    """A status that is none of success, with a page of any kind or the true answer."""
    status, page = rng.choice(STATUS), rng.choice((*PAGES, known[chosen][1]))
    return {chosen: lambda answer, sent: (status, page)}


def endless(known: dict[Asked, Answer], chosen: Asked, rng: random.Random) -> dict[Asked, Fault]:
    """A token in every page: one that never changes, new ones, or some in turn."""
    tokens = rng.choice((1, 2, 3, 10**9))
    empty = rng.random() < 0.5

    def fault(answer: Answer, sent: int) -> Answer:
        body = json.loads(answer[1] if answer[0] == 200 else known[chosen][1])
        for key, value in body.items():
            if isinstance(value, list) and empty:
                body[key] = []
        token = f"t{sent % tokens}"
        return 200, json.dumps(
            body | {"NextToken": token, "nextToken": token, "nextForwardToken": token}
        ).encode()

    return {all_pages(chosen): fault}


Change = Callable[[dict[Asked, Answer], Asked, random.Random], dict[Asked, Fault] | None]


def of_bytes(change: Callable[[bytes, random.Random], bytes | None]) -> Change:
    """A change of files as one of an answer's body."""

    def of_answer(
        known: dict[Asked, Answer], chosen: Asked, rng: random.Random
    ) -> dict[Asked, Fault] | None:
        status, body = known[chosen]
        new = change(body, rng)
        if new is None or new == body:
            return None
        return {chosen: lambda answer, sent: (status, new)}

    of_answer.__name__ = change.__name__
    return of_answer


CHANGES: tuple[Change, ...] = (
    *(of_bytes(fuzz.json_value),) * 4,
    *(of_bytes(fuzz.cell), of_bytes(fuzz.flip), of_bytes(fuzz.cut), of_bytes(fuzz.put_in)),
    *(proxy, other, refusal, endless),
)


# -- outcomes --------------------------------------------------------------------------------------


def small_account() -> FakeAws:
    """Two training jobs with a few events each, in many small pages."""
    aws = FakeAws()
    aws.add_export(DATA / "xgboost_digits" / "sagemaker", 2)
    aws.page, aws.page_events = 1, 4
    for name, events in aws.streams.items():
        aws.streams[name] = events[:9]
    return aws


@contextmanager
def wired(wire: Wire) -> Iterator[Account]:
    """An account whose requests go over the wire; endless answers end sooner."""
    with (
        patch.dict(os.environ, environment("http://127.0.0.1:9") | {"AWS_MAX_ATTEMPTS": "1"}),
        patch.object(answers, "MOST_IDLE", 10),
        patch.object(answers, "MOST_PAGES", 50),
        patch.object(os, "fsync", lambda handle: None),  # which takes most of the time
    ):
        account = Account()
        for client in account._clients.values():
            client._endpoint.http_session = wire
        yield account


def undisturbed(account: Account, wire: Wire, folder: Path) -> Undisturbed:
    """Fetch the whole account, read it, and remember everything."""
    fetched, _ = esim.fetch.fetch_tuning_jobs(account, folder / "true")
    found = read(folder / "true", {})
    notes = frozenset(note.code for one in fetched for note in one.notes)
    return Undisturbed(
        dict(sorted(wire.asked.items())),
        contents(folder / "true"),
        notes,
        Sample("fetched", {}, {}, found),
    )


def outcome(account: Account, wire: Wire, true: Undisturbed, out: Path) -> str:
    """Fetch with the faults of the wire, read what came, and say what that was."""
    try:
        with in_time(LONGEST_S):
            fetched, gone = esim.fetch.fetch_tuning_jobs(account, out)
    except BugError as error:
        return bug(error.__cause__ or error)
    except EsimError:
        wire.faults = {}
        try:
            esim.fetch.fetch_tuning_jobs(account, out)
        except EsimError as error:
            return f"BUG the next fetch says: {str(error)[:300]}"
        return "error" if contents(out) == true.files else "BUG the next fetch writes other bytes"
    except Exception as error:
        return bug(error)
    if contents(out) == true.files:
        return "same"
    if not fetched:
        return "noted" if gone else "other"  # which says that there is none
    noted = {note.code for one in fetched for note in one.notes} - true.notes
    told = true.sample.outcome(out)
    return "noted" if told == "other" and noted else told


def run(count: int, seed: int, keep: Path | None = None) -> Tally:
    """Change so many answers; outcomes by change. What failed is copied to `keep`."""
    rng, tally = random.Random(seed), Tally(keep)
    wire = Wire(small_account())
    with wired(wire) as account, tempfile.TemporaryDirectory() as place:
        true = undisturbed(account, wire, Path(place))
        while tally.total < count:
            chosen, change = rng.choice(list(true.answers)), rng.choice(CHANGES)
            wanted = change(true.answers, chosen, rng)
            if wanted is None:
                continue
            wire.faults, wire.sent = wanted, Counter()
            out = Path(place) / "out"
            found = outcome(account, wire, true, out)
            tally.add(change.__name__, found, f"{change.__name__} of the answer to {chosen}", out)
            shutil.rmtree(out, ignore_errors=True)
    return tally


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    return run(asked.count, asked.seed, asked.keep).show("change")


if __name__ == "__main__":
    sys.exit(main())
