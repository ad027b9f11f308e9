"""Every encoding of a point in time that the exports use."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pytest

from esim.errors import EsimError
from esim.readers.encodings.times import (
    Moment,
    epoch_seconds,
    microseconds,
    parse_moment,
    parse_time,
)

AT = 1590878617.123  # 2020-05-30T22:43:37.123Z


@pytest.mark.parametrize(
    "value",
    [
        "2020-05-30T22:43:37.123Z",
        "2020-05-30T22:43:37.123000+00:00",
        "2020-05-31T07:43:37.123+0900",
        "2020-05-30 22:43:37.123000+00:00",
        "2020-05-30 22:43:37.123 UTC",
        "2020-05-30T15:43:37.123000-07:00",
        "datetime.datetime(2020, 5, 30, 22, 43, 37, 123000, tzinfo=tzutc())",
        "datetime.datetime(2020, 5, 30, 22, 43, 37, 123000, tzinfo=datetime.timezone.utc)",
        "datetime.datetime(2020, 5, 31, 7, 43, 37, 123000, tzinfo=tzoffset(None, 32400))",
        "datetime.datetime(2020, 5, 30, 15, 43, 37, 123000, "
        "tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=61200)))",
        1590878617.123,
        1590878617123,
        "1590878617123",
        "1590878617.123",
        1590878617123000,
        datetime(2020, 5, 30, 22, 43, 37, 123000, tzinfo=UTC),
        datetime(2020, 5, 31, 0, 43, 37, 123000, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_known_zone(value: Any) -> None:
    assert parse_moment(value, "") == Moment(AT)
    assert parse_time(value, "") == AT


@pytest.mark.parametrize(
    "value",
    [
        "2020-05-30 22:43:37.123000",
        "2020-05-30T22:43:37.123",
        "datetime.datetime(2020, 5, 30, 22, 43, 37, 123000)",
        "datetime.datetime(2020, 5, 30, 22, 43, 37, 123000, tzinfo=tzlocal())",
        datetime(2020, 5, 30, 22, 43, 37, 123000),
    ],
)
def test_no_zone_is_taken_as_utc_and_said(value: Any) -> None:
    assert parse_moment(value, "") == Moment(AT, zone_known=False)


@pytest.mark.parametrize(
    "value",
    [
        *("", "soon", "2020-13-01", "1.2.3", True, None, [], 1e21, float("nan"), "-", "NaN", "inf"),
        *("datetime.datetime(2020, 13, 30, 22, 43)", "datetime.datetime(now)"),
    ],
)
def test_what_is_not_a_time(value: Any) -> None:
    with pytest.raises(EsimError, match=r"job\.json, CreationTime: .* is not a time"):
        parse_moment(value, "job.json, CreationTime")


def test_columns_of_numbers_have_one_unit() -> None:
    seconds, unit = epoch_seconds(np.array([np.nan, 1.5e12, 2e12]), str)
    np.testing.assert_array_equal(seconds, [np.nan, 1.5e9, 2e9])
    assert unit == "epoch milliseconds".removeprefix("epoch ")
    assert epoch_seconds(np.array([0.0, 5.0]), str)[1] == "seconds"
    assert epoch_seconds(np.empty(0), str)[1] == "seconds"
    with pytest.raises(EsimError, match=r"^1: 5 is not a time in epoch milliseconds"):
        epoch_seconds(np.array([2e12, 5.0]), str)
    with pytest.raises(EsimError, match=r"^1: 'inf' is not a time"):
        epoch_seconds(np.array([2e12, np.inf]), str)


def test_differences_of_microseconds_are_exact() -> None:
    later, earlier = microseconds(np.array([AT + 0.371, AT]))
    assert (later - earlier) / 1e6 == 0.371
