"""The quantile of a changing set, step by step, where its functions can be called: interpreted."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from numba import config

from esim.simulator.kernels import peers
from esim.simulator.kernels.peers import (
    AHEAD,
    COUNT,
    END,
    FLOOR,
    FURTHER,
    KNOWN,
    LEAST,
    LIMIT,
    LINEAR,
    LOW,
    LOWER,
    MIDPOINT,
)

NUMPYS = {MIDPOINT: "midpoint", LINEAR: "linear", LOWER: "lower"}
RANKS, STEPS = 300, 500


@pytest.mark.skipif(not config.DISABLE_JIT, reason="inner functions are compiled into kernels")
@pytest.mark.parametrize("method", NUMPYS)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.5, 1.0])
@pytest.mark.parametrize("drift", [-1, 0, 1])
def test_insertions_and_removals(method: int, share: float, drift: int) -> None:
    """Members come and go, at ranks that drift downwards, upwards, or nowhere."""
    rng = np.random.default_rng((method, int(10 * share), drift + 1))
    universe = np.sort(rng.normal(size=RANKS))
    rule = SimpleNamespace(method=method, share=share, width=0.0, least=1, strict=True)
    plan = SimpleNamespace(rule=rule, universe=universe)
    words = -(-RANKS // 64)
    state = SimpleNamespace(
        words=np.zeros(words, dtype=np.int64),
        members=np.zeros((1, 10), dtype=np.int64),
        levels=np.full((1, 4), np.nan),
        indices=np.zeros(64 * words + 1, dtype=np.int32),
    )
    state.members[0, [KNOWN, END]] = -1, words
    state.levels[0, LEAST] = -np.inf
    peers.set_indices(rule, state.indices)
    held: set[int] = set()
    for step in range(STEPS):
        around = RANKS / 2 + drift * (step / STEPS - 0.5) * RANKS
        rank = int(np.clip(rng.normal(around, RANKS / 4), 0, RANKS - 1))
        if rank in held and rng.random() < 0.5:
            held.remove(rank)
            peers.remove(0, rank, plan, state)
        elif rank not in held:
            held.add(rank)
            peers.insert(0, rank, plan, state)
        its = state.members[0]
        index = state.indices[len(held)]
        assert its[COUNT] == len(held)
        assert its[FURTHER] == index - sum(one < its[LOW] for one in held)
        assert its[AHEAD] == index - sum(one < its[FLOOR] for one in held)
        if not held:
            continue
        values = universe[sorted(held)]
        limit = np.quantile(values, share, method=NUMPYS[method])
        if its[AHEAD] >= 0:
            assert state.levels[0, LEAST] <= limit + 1e-13
        if rng.random() < 0.4:
            peers.know_level(0, plan, state)
            assert state.levels[0, LIMIT] == pytest.approx(limit, rel=1e-13)
