"""Groups of flags: declared once, expanded into the signature that typer reads."""

from __future__ import annotations

import doctest
from dataclasses import dataclass
from inspect import signature

import pytest

from esim.cli import groups
from esim.cli.flags import CostFlags, OutputFlags
from esim.cli.groups import with_groups


@dataclass(frozen=True)
class ColourFlags(CostFlags):
    colour: str = "red"


def test_the_example_runs() -> None:
    failed, attempted = doctest.testmod(groups)
    assert not failed
    assert attempted


def test_flags_stand_where_their_group_stands_those_of_a_base_first() -> None:
    @with_groups
    def command(logs: list[str], costs: ColourFlags, output: OutputFlags) -> None: ...

    expected = [
        "logs",
        "startup_s",
        "stop_latency_s",
        "upload_s",
        "slot_gap_s",
        "price",
        "currency",
        "colour",
    ]
    assert list(signature(command).parameters) == [*expected, "out", "json"]


def test_a_group_may_be_called_as_a_flag_of_another_is() -> None:
    seen: list[object] = []

    @with_groups
    def command(json: ColourFlags, price: OutputFlags) -> None:
        seen.extend((json, price))

    command(**(vars(ColourFlags(price=2.0)) | vars(OutputFlags(json=True))))
    assert seen == [ColourFlags(price=2.0), OutputFlags(json=True)]


def test_two_flags_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="'startup_s'"):

        @with_groups
        def command(costs: CostFlags, others: ColourFlags) -> None: ...
