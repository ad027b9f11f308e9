"""Naive twins of the other systems' rules, each in its source's own order of operations.

Written from the sources named in esim's presets, in plain Python and NumPy, as `tests.drive.Judge`.
Nothing of esim is used. `sign` is 1 when minimizing and -1 when maximizing.
"""

from __future__ import annotations

import binascii
import math
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from fractions import Fraction
from statistics import median

import numpy as np

Number = Fraction | float


class Twin:
    """Holds what was reported: own values by trial in order, and who has ended how."""

    def __init__(self, direction: str, name: str = "study") -> None:
        self.minimize = direction == "minimize"
        self.name = name
        self.reports: dict[int, dict[int, float]] = defaultdict(dict)  # trial -> step -> value
        self.how: dict[int, str] = {}

    def start(self, trial: int) -> None:
        self.reports[trial] = {}

    def report(self, trial: int, step: int, seconds: float, value: float) -> bool:
        self.reports[trial][step] = value
        return self.judge(trial, step, seconds, value)

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        raise NotImplementedError

    def end(self, trial: int, how: str) -> None:
        self.how[trial] = how

    def completed(self) -> list[int]:
        return [t for t, how in self.how.items() if how == "completed" and self.reports[t]]


class OptunaPercentile(Twin):
    def __init__(
        self, direction: str, percentile: float = 50.0, startup: int = 5, warmup: int = 0,
        interval: int = 1, min_trials: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(direction)
        self.percentile, self.startup, self.warmup = percentile, startup, warmup
        self.interval, self.min_trials = interval, min_trials

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        done = self.completed()
        if len(done) == 0 or len(done) < self.startup:
            return False
        t = max(self.reports[trial])
        if t < self.warmup:
            return False
        low = (t - self.warmup) // self.interval * self.interval + self.warmup
        before = max([s for s in self.reports[trial] if s != t], default=-1)
        if not before < low:
            return False
        own = np.asarray(list(self.reports[trial].values()), dtype=float)
        if np.isnan(own).all():
            return True
        best = float(np.nanmin(own) if self.minimize else np.nanmax(own))
        column = [self.reports[d][t] for d in done if t in self.reports[d]]
        if len(column) < self.min_trials or np.isnan(column).all():
            return False
        q = self.percentile if self.minimize else 100 - self.percentile
        p = float(np.nanpercentile(np.array(column, dtype=float), q))
        return best > p if self.minimize else best < p


class OptunaSha(Twin):
    def __init__(
        self, direction: str, min_resource: int | None = None, rf: int = 4, s: int = 0,
        name: str = "study",
    ) -> None:  # fmt: skip
        super().__init__(direction, name)
        self.min_resource, self.rf, self.s = min_resource, rf, s
        self.recorded: dict[int, list[float]] = defaultdict(list)  # trial -> its rungs' values

    def peers(self, trial: int) -> list[int]:
        return list(self.recorded)

    def rate(self, trial: int) -> int:
        return self.s

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if self.min_resource is None:
            done = self.completed()
            if not done:
                return False
            self.min_resource = max(max(max(self.reports[d]) for d in done) // 100, 1)
        while True:
            rung = len(self.recorded[trial])
            if step < self.min_resource * self.rf ** (self.rate(trial) + rung):
                return False
            if math.isnan(value):
                return True
            others = [self.recorded[p][rung] for p in self.peers(trial) if p != trial
                      and len(self.recorded[p]) > rung]  # fmt: skip
            self.recorded[trial].append(value)
            every = sorted([*others, value], reverse=not self.minimize)
            at = len(every) // self.rf - 1
            bar = every[0 if at == -1 else at]
            if not (value <= bar if self.minimize else value >= bar):
                return True


class OptunaHyperband(OptunaSha):
    def __init__(
        self, direction: str, min_resource: int = 1, max_resource: int | None = None, rf: int = 3,
        name: str = "study",
    ) -> None:  # fmt: skip
        super().__init__(direction, min_resource, rf, 0, name)
        self.max_resource = max_resource
        self.budgets: list[int] = []

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if self.max_resource is None:
            done = self.completed()
            if not done:
                return False
            self.max_resource = max(max(self.reports[d]) for d in done) + 1
        if not self.budgets:
            assert self.min_resource is not None
            n = math.floor(math.log(self.max_resource / self.min_resource, self.rf)) + 1
            for bracket in range(n):
                s = n - 1 - bracket
                self.budgets.append(math.ceil(n * (self.rf**s) / (s + 1)))
        return super().judge(trial, step, seconds, value)

    def rate(self, trial: int) -> int:
        n = binascii.crc32(f"{self.name}_{trial}".encode()) % sum(self.budgets)
        for bracket, budget in enumerate(self.budgets):
            n -= budget
            if n < 0:
                return bracket
        raise AssertionError

    def peers(self, trial: int) -> list[int]:
        return [p for p in self.recorded if self.rate(p) == self.rate(trial)]


class OptunaPatient(Twin):
    def __init__(
        self, direction: str, patience: int = 10, delta: float = 0.0, inner: Twin | None = None
    ) -> None:
        super().__init__(direction)
        self.patience, self.delta, self.inner = patience, delta, inner

    def start(self, trial: int) -> None:
        super().start(trial)
        if self.inner:
            self.inner.start(trial)

    def end(self, trial: int, how: str) -> None:
        super().end(trial, how)
        if self.inner:
            self.inner.end(trial, how)

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        inner = self.inner.report(trial, step, seconds, value) if self.inner else True
        values = [self.reports[trial][s] for s in sorted(self.reports[trial])]
        if len(values) <= self.patience + 1:
            return False
        before = np.array(values[: -self.patience - 1])
        after = np.array(values[-self.patience - 1 :])
        if np.isnan(before).all() or np.isnan(after).all():
            return False
        if self.minimize:
            maybe = np.nanmin(before) + self.delta < np.nanmin(after)
        else:
            maybe = np.nanmax(before) - self.delta > np.nanmax(after)
        return bool(maybe) and inner


class OptunaThreshold(Twin):
    def __init__(
        self, direction: str, lower: float = -math.inf, upper: float = math.inf, warmup: int = 0,
        interval: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(direction)
        self.lower, self.upper, self.warmup, self.interval = lower, upper, warmup, interval

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if step < self.warmup:
            return False
        low = (step - self.warmup) // self.interval * self.interval + self.warmup
        if not max([s for s in self.reports[trial] if s != step], default=-1) < low:
            return False
        return math.isnan(value) or value < self.lower or value > self.upper


def signed_rank_p(d: list[float]) -> float:
    """P(W >= w) by SciPy's rules for method="auto", zsplit, alternative "greater"."""
    n = len(d)
    size = [abs(x) for x in d]
    rank = [sum(s < x for s in size) + (sum(s == x for s in size) + 1) / 2 for x in size]
    zeros = sum(r for r, x in zip(rank, d, strict=True) if x == 0) / 2
    w = sum(r for r, x in zip(rank, d, strict=True) if x > 0) + zeros
    tied = len(set(size)) < n or 0.0 in size
    if n <= 13 or (n <= 50 and not tied):
        ways: dict[float, int] = {zeros: 1}  # sum of ranks -> number of signs
        for r in (r for r, x in zip(rank, d, strict=True) if x != 0):
            after: dict[float, int] = defaultdict(int)
            for total, many in ways.items():
                after[total] += many
                after[total + r] += many
            ways = after
        return sum(m for total, m in ways.items() if total >= w) / sum(ways.values())
    ties = sum(size.count(x) ** 3 - size.count(x) for x in set(size))
    spread = math.sqrt((n * (n + 1) * (2 * n + 1) - ties / 2) / 24)
    return 0.5 * math.erfc((w - n * (n + 1) / 4) / spread / math.sqrt(2))


class OptunaWilcoxon(Twin):
    def __init__(self, direction: str, p: float = 0.1, startup: int = 2) -> None:
        super().__init__(direction)
        self.p, self.startup = p, startup

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        sign = 1 if self.minimize else -1
        best: dict[int, float] | None = None
        for done in self.completed():  # in the order of completing: only a better one replaces it
            curve = {s: sign * v for s, v in self.reports[done].items()}
            last = curve[max(curve)]
            if not math.isnan(last) and (best is None or last < best[max(best)]):
                best = curve
        own = {s: sign * v for s, v in self.reports[trial].items()}
        if best is None or not all(map(math.isfinite, [*own.values(), *best.values()])):
            return False
        d = [own[s] - best[s] for s in own if s in best]
        if len(d) < max(2, self.startup) or not signed_rank_p(d) < self.p:
            return False
        return not sum(best.values()) / len(best) >= sum(own.values()) / len(own)


class RayMedian(Twin):
    def __init__(
        self, direction: str, grace: float = 60.0, min_samples: int = 3, by_step: bool = False
    ) -> None:
        super().__init__(direction)
        self.grace, self.min_samples, self.by_step = grace, min_samples, by_step
        self.results: dict[int, list[tuple[float, float]]] = defaultdict(list)

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        time = step if self.by_step else seconds
        self.results[trial].append((time, value))
        if time < self.grace:
            return False
        means = []
        for other, results in self.results.items():
            if other == trial or results[-1][0] < time:
                continue
            scoped = [v for t, v in results if self.grace <= t <= time]
            mean = np.mean(scoped) if scoped else math.nan
            if np.isfinite(mean):
                means.append(mean)
        if len(means) < self.min_samples:
            return False
        pick: Callable[..., float] = min if self.minimize else max
        best = pick([v for _, v in self.results[trial]])
        return pick(np.median(means), best) != best

    def end(self, trial: int, how: str) -> None:
        super().end(trial, how)
        if self.results[trial]:
            self.results[trial].append(self.results[trial][-1])


class RayAsha(Twin):
    def __init__(self, direction: str, grace: int = 1, max_t: int = 100, rf: float = 4) -> None:
        super().__init__(direction)
        self.rf, self.max_t = rf, max_t
        n = int(np.log(max_t / grace) / np.log(rf) + 1)
        self.rungs: list[tuple[float, dict[int, float]]] = [
            (grace * rf**k, {}) for k in reversed(range(n))
        ]
        self.last: dict[int, tuple[int, float]] = {}

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        self.last[trial] = step, value
        if step >= self.max_t:
            return True
        return self.on_result(trial, step, value)

    def on_result(self, trial: int, step: int, value: float) -> bool:
        x = -1.0 * value if self.minimize else 1.0 * value
        for milestone, recorded in self.rungs:
            if step < milestone or trial in recorded:
                continue
            stop = self.is_cut(x, recorded)
            recorded[trial] = x
            return stop
        return False

    def is_cut(self, x: float, recorded: dict[int, float]) -> bool:
        values = np.array(list(recorded.values()))
        if len(values) == 0 or np.isnan(values).all():
            return False
        return bool(x < np.nanpercentile(values, (1 - 1 / self.rf) * 100))

    def end(self, trial: int, how: str) -> None:
        super().end(trial, how)
        if trial in self.last:
            self.on_result(trial, *self.last[trial])


class SynetuneAsha(RayAsha):
    def __init__(self, direction: str, grace: int = 1, max_t: int = 100, rf: float = 3) -> None:
        super().__init__(direction, grace, max_t, rf)

    def is_cut(self, x: float, recorded: dict[int, float]) -> bool:
        if not recorded:
            return False
        values = [math.inf if math.isnan(v) else -v for v in recorded.values()]  # NaN: the worst
        own = math.inf if math.isnan(x) else -x
        rank = sum(v < own for v in values) / (len(values) + 1)
        return rank > 1 / self.rf

    def end(self, trial: int, how: str) -> None:
        if how == "completed":
            super().end(trial, how)


class SynetuneMedian(Twin):
    def __init__(
        self, direction: str, grace: int = 1, population: int = 5, cutoff: float = 0.5,
        average: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(direction)
        self.grace, self.population, self.cutoff, self.average = grace, population, cutoff, average
        self.sorted: dict[int, np.ndarray] = defaultdict(lambda: np.array([]))
        self.history: dict[int, list[float]] = defaultdict(list)

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        metric = value * (1 if self.minimize else -1)
        if self.average:
            self.history[trial].append(metric)
            metric = np.mean(self.history[trial])
        index = np.searchsorted(self.sorted[step], metric)
        self.sorted[step] = np.insert(self.sorted[step], index, metric)
        n = len(self.sorted[step])
        return bool(n >= self.population and step >= self.grace and index / float(n) > self.cutoff)


class Nni(Twin):
    def __init__(self, direction: str, start_step: int = 0) -> None:
        super().__init__(direction)
        self.start_step = start_step
        self.averages: dict[int, list[float]] = {}

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        history = list(self.reports[trial].values())
        k = len(history)
        if k < self.start_step:
            return False
        peers = sorted(a[k - 1] for a in self.averages.values() if len(a) >= k)
        if not peers:
            return False
        if self.minimize:
            return min(history) > peers[len(peers) // 2]
        return max(history) < peers[(len(peers) - 1) // 2]

    def end(self, trial: int, how: str) -> None:
        super().end(trial, how)
        if how == "completed":
            total, self.averages[trial] = 0.0, []
            for n, value in enumerate(self.reports[trial].values(), start=1):
                total += value
                self.averages[trial].append(total / n)


class Katib(Twin):
    def __init__(self, direction: str, start_step: int = 4, required: int = 3) -> None:
        super().__init__(direction)
        self.start_step, self.required = start_step, required
        self.bar: dict[int, float | None] = {}

    def start(self, trial: int) -> None:
        super().start(trial)
        averages = []
        for done in self.completed():  # in the order of their ending
            logs = [v for v in self.reports[done].values() if not math.isnan(v)]
            if logs:
                first = logs[: self.start_step]
                averages.append(sum(first) / len(first))
        enough = len(averages) >= self.required
        self.bar[trial] = sum(averages) / len(averages) if enough else None

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if math.isnan(value):
            return False
        values = [v for v in self.reports[trial].values() if not math.isnan(v)]
        bar = self.bar[trial]
        if len(values) != self.start_step or bar is None:
            return False
        return min(values) > bar if self.minimize else max(values) < bar


class Wandb(Twin):
    def __init__(
        self, direction: str, min_iter: int = 3, eta: float = 3, strict: bool = True
    ) -> None:
        super().__init__(direction)
        self.eta, self.strict = eta, strict
        self.bands, band = [], float(min_iter)
        for _ in range(30):
            self.bands.append(int(band))
            band *= eta

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if not math.isfinite(value):
            return False  # not a new point of the history
        histories = {}
        for other, reports in self.reports.items():
            found = [v if self.minimize else -v for v in reports.values() if math.isfinite(v)]
            if found:
                histories[other] = found
        own = histories[trial]
        passed = [b for b in self.bands if b <= len(own)]
        if not passed:
            return False
        band = passed[-1]
        column = sorted(h[band - 1] for h in histories.values() if len(h) >= band)
        threshold = column[int(1.0 / self.eta * len(column))]
        return (own[band - 1] if self.strict else min(own)) > threshold


class Exact(Twin):
    """The base of twins of documents, which say nothing of bits: a tie on paper is a tie.

    A value within rounding of a decimal of six places is that decimal, and all sums, means and
    comparisons are of fractions. Others are taken as they are, which is fast: they do not tie by
    chance. Values are turned so that lower is better; a value that is NaN is no report.
    """

    def __init__(self, direction: str) -> None:
        super().__init__(direction)
        self.steps: dict[int, list[int]] = {}
        self.values: dict[int, list[Number]] = {}
        self.total: dict[int, Number] = {}
        self.averages: dict[int, list[Number]] = {}
        self.best: dict[int, Number] = {}

    def start(self, trial: int) -> None:
        super().start(trial)
        self.steps[trial], self.values[trial], self.averages[trial] = [], [], []

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if math.isnan(value):
            return False
        decimal = round(value, 6)
        exact: Number = Fraction(repr(decimal)) if abs(value - decimal) < 1e-12 else value
        exact *= 1 if self.minimize else -1
        self.steps[trial].append(step)
        self.values[trial].append(exact)
        self.total[trial] = self.total.get(trial, 0) + exact
        self.averages[trial].append(self.total[trial] / len(self.values[trial]))
        self.best[trial] = min(self.best.get(trial, exact), exact)
        return self.stops(trial, step, exact)

    def stops(self, trial: int, step: int, value: Number) -> bool:
        raise NotImplementedError


class Sagemaker(Exact):
    """The value against the median of the averages of the ended trials that came to the step."""

    def stops(self, trial: int, step: int, value: Number) -> bool:
        averages = [
            self.averages[t][bisect_right(self.steps[t], step) - 1]
            for t in self.how
            if self.steps[t] and self.steps[t][0] <= step <= self.steps[t][-1]
        ]
        return bool(averages) and value > median(averages)


class Vizier(Exact):
    """Best so far against the median of the completed trials' averages, whole if shorter."""

    def stops(self, trial: int, step: int, value: Number) -> bool:
        averages = [
            self.averages[t][bisect_right(self.steps[t], step) - 1]
            for t, how in self.how.items()
            if how == "completed" and self.steps[t] and self.steps[t][0] <= step
        ]
        return bool(averages) and self.best[trial] > median(averages)


class Azure(Exact):
    """Intervals are logs of the metric, counted from 1; every run counts as far as it has come."""

    def stops(self, trial: int, step: int, value: Number) -> bool:
        n = len(self.values[trial])
        return self.cancels(trial, n, [t for t, its in self.values.items() if len(its) >= n])

    def cancels(self, trial: int, n: int, there: list[int]) -> bool:
        raise NotImplementedError


class AzureMedian(Azure):
    def cancels(self, trial: int, n: int, there: list[int]) -> bool:
        return self.best[trial] > median(self.averages[t][n - 1] for t in there)


class AzureBandit(Azure):
    def cancels(self, trial: int, n: int, there: list[int]) -> bool:
        best, slack = min(self.values[t][n - 1] for t in there), 1 + Fraction(1, 10)
        return self.values[trial][-1] > (best * slack if self.minimize else best / slack)


class AzureTruncation(Azure):
    def cancels(self, trial: int, n: int, there: list[int]) -> bool:
        best_first = sorted(self.values[t][n - 1] for t in there)
        goes_on = len(there) - len(there) // 5  # the lowest fifth of the runs does not
        bar = best_first[goes_on - 1]
        return self.values[trial][-1] > bar


class Patience(Twin):
    def __init__(self, direction: str, of: str, patience: int, delta: float = 0.0) -> None:
        super().__init__(direction)
        self.of, self.patience, self.delta = of, patience, delta
        self.best: dict[int, float] = {}
        self.wait: dict[int, int] = {}

    def improves(self, value: float, best: float) -> bool:
        if self.of == "lightgbm":
            return value < best - self.delta if self.minimize else value > best + self.delta
        if self.of == "xgboost":
            return best - self.delta > value if self.minimize else value - self.delta > best
        # Keras compares tensors, which are single.
        if self.minimize:
            return bool(np.float32(value + self.delta) < np.float32(best))
        return bool(np.float32(value - self.delta) > np.float32(best))

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        first = trial not in self.best
        if first or self.improves(value, self.best[trial]):
            self.best[trial], self.wait[trial] = value, 0
            return False
        self.wait[trial] += 1
        return self.wait[trial] >= self.patience


class AxPercentile(Twin):
    def __init__(
        self, direction: str, percentile: float = 50.0, min_progression: int = 10, curves: int = 5
    ) -> None:
        super().__init__(direction)
        self.percentile, self.min_progression, self.curves = percentile, min_progression, curves

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if math.isnan(value) or step < self.min_progression:
            return False
        if len(self.completed()) < self.curves:
            return False
        column = []
        for reports in self.reports.values():
            known = [(s, v) for s, v in reports.items() if not math.isnan(v)]
            before = [(s, v) for s, v in known if s <= step]
            after = [(s, v) for s, v in known if s >= step]
            if before and after:
                (a, low), (b, high) = before[-1], after[0]
                column.append(low if a == b else (high - low) / (b - a) * (step - a) + low)
        if len(column) < self.curves:
            return False
        q = 1 - self.percentile / 100 if self.minimize else self.percentile / 100
        bar = float(np.percentile(column, 100 * q))
        return value > bar if self.minimize else value < bar


class AxCurves(Twin):
    """The base of twins of Ax's main branch: curves without NaN, straight between reports."""

    def __init__(self, direction: str) -> None:
        super().__init__(direction)
        self.sign = 1 if self.minimize else -1
        self.curves: dict[int, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))

    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        if math.isnan(value):
            return False
        steps, values = self.curves[trial]
        steps.append(step)
        values.append(self.sign * value)
        first = min(its[0] for its, _ in self.curves.values())
        last = max(its[-1] for its, _ in self.curves.values())
        return self.says(trial, step, lambda s: (s - first) / (last - first) if s != first else 0.0)

    def says(self, trial: int, step: int, place: Callable[[int], float]) -> bool:
        """Whether the trial must stop; `place`: the share of the way at which a step stands."""
        raise NotImplementedError


class AxDepth(AxCurves):
    """Curves count by how deep they are; `normalized`: the bounds are shares of the way."""

    def __init__(
        self, direction: str, percentile: float = 50.0, low: float = 10, high: float = math.inf,
        curves: int = 5, best: int = 0, normalized: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(direction)
        self.percentile, self.low, self.high, self.least = percentile, low, high, curves
        self.best, self.normalized = best, normalized

    def says(self, trial: int, step: int, place: Callable[[int], float]) -> bool:
        alone = len({s for steps, _ in self.curves.values() for s in (steps[0], steps[-1])}) == 1
        here = (1.0 if alone else place(step)) if self.normalized else step
        if not self.low <= here <= self.high:
            return False
        column = [
            float(np.interp(step, steps, values))
            for steps, values in self.curves.values()
            if steps[0] <= step <= steps[-1]
        ]
        own = self.curves[trial][1][-1]
        if len(column) < self.least or sorted(set(column)).index(own) < self.best:
            return False
        turned = [self.sign * v for v in column]
        q = 1 - self.percentile / 100 if self.minimize else self.percentile / 100
        return own > self.sign * float(np.percentile(turned, 100 * q))


class AxStability(AxCurves):
    """All checkpoints anew at each report: means and variances [trials, checkpoints], a count."""

    def __init__(
        self, direction: str, low: float = 0.1, high: float = 1.0, every: float = 0.1,
        window: int = 2, variance: float | None = None, gap: float = 0.0, count: int = 4,
        share: float = 0.5, least_best: int = 2, lookback: int = 15, curves: int = 1,
    ) -> None:  # fmt: skip
        super().__init__(direction)
        self.low, self.high, self.every, self.window = low, high, every, window
        self.variance, self.gap, self.count = variance, gap, count
        self.share, self.least_best, self.lookback = share, least_best, lookback
        self.least = curves

    def says(self, trial: int, step: int, place: Callable[[int], float]) -> bool:
        if len({s for steps, _ in self.curves.values() for s in (steps[0], steps[-1])}) == 1:
            return False  # no curve has two reports
        here, places = place(step), []
        while self.low + len(places) * self.every <= here:
            places.append(self.low + len(places) * self.every)
        deep = sum(place(steps[-1]) >= self.low for steps, _ in self.curves.values())
        if deep < self.least or here > self.high or len(places) < self.window:
            return False
        names, shown = [], []
        for t, (steps, values) in self.curves.items():
            if len(steps) > 1:
                names.append(t)
                at = [place(s) for s in steps]
                shown.append(np.interp(places, at, values, left=math.nan, right=math.nan))
        if trial not in names:
            return False
        me = names.index(trial)
        windows = np.lib.stride_tricks.sliding_window_view(np.array(shown), self.window, axis=1)
        means, variances = windows.mean(axis=2), windows.var(axis=2)
        leaders: list[int] = []
        in_a_row = 0
        for mean, variance in zip(means.T, variances.T, strict=True):
            there = np.flatnonzero(~np.isnan(mean))
            if len(there) < 2:
                in_a_row = 0
                continue
            ranked = there[np.argsort(mean[there], kind="stable")].tolist()
            leaders.append(ranked[0])
            best = max(self.least_best, math.ceil(self.share * len(ranked)))
            bar = np.median(variance[there]) if self.variance is None else self.variance
            safe = {*ranked[:best], *(leaders[-self.lookback :] if self.lookback else ())}
            behind = mean[me] - mean[ranked[0]] > self.gap and variance[me] <= bar
            in_a_row = in_a_row + 1 if behind and me not in safe else 0
        return in_a_row >= self.count


class Never(Twin):
    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        return False


class AfterReports(Twin):
    def judge(self, trial: int, step: int, seconds: float, value: float) -> bool:
        return not math.isnan(value)


TWINS: dict[str, Callable[[str], Twin]] = {
    "sagemaker": Sagemaker,
    "vizier-median": Vizier,
    "optuna-median": OptunaPercentile,
    "optuna-percentile": lambda d: OptunaPercentile(d, 25.0),
    "optuna-sha": OptunaSha,
    "optuna-hyperband": OptunaHyperband,
    "optuna-patient": OptunaPatient,
    "optuna-threshold": OptunaThreshold,
    "optuna-wilcoxon": OptunaWilcoxon,
    "ray-median": RayMedian,
    "ray-asha": RayAsha,
    "synetune-median": SynetuneMedian,
    "synetune-asha": SynetuneAsha,
    "nni-medianstop": Nni,
    "katib-medianstop": Katib,
    "azure-median": AzureMedian,
    "azure-bandit": AzureBandit,
    "azure-truncation": AzureTruncation,
    "wandb-hyperband": Wandb,
    "ax-percentile": AxPercentile,
    "ax-depth": AxDepth,
    "ax-top3": lambda d: AxDepth(d, 50.0, 0.2, 0.9, 3, 3, True),
    "ax-stability": AxStability,
    "keras-patience": lambda d: Patience(d, "keras", 0),
    "xgboost-patience": lambda d: Patience(d, "xgboost", 10),
    "lightgbm-patience": lambda d: Patience(d, "lightgbm", 10),
    "none": Never,
    "i-epoch": AfterReports,
}
