"""What the algorithms and frameworks that SageMaker documents print: one row a line form.

Used where the job's description holds no regex and --metric gives none. A row says how a line
carries any metric; `regex_for` makes it the regex of one. Direction is never in the table: the
tuning job's objective says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from esim.readers.options import Metric
from esim.readers.sagemaker.text import LogText

NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|\.[0-9]+(?:[eE][-+]?[0-9]+)?|nan|inf)"
_TAB = r"(?:#011|\t)"


@dataclass(frozen=True)
class Sample:
    """A line that was really printed, and what a person reads in it; step None: it has none."""

    line: str
    metric: str
    step: int | None
    value: float


@dataclass(frozen=True)
class LineForm:
    """How an algorithm prints its metrics.

    Attributes:
        algorithm: whose form it is, as the documentation calls it.
        prefix: regex of what stands before the metrics of such a line.
        item: regex of one metric, with the groups `value`, `name` and perhaps `data`.
        metric: the metric's name in SageMaker, made of {name} and {data}.
        samples: real lines; the tests read them.
        caution: what a person must know who tunes on it.
    """

    algorithm: str
    prefix: str
    item: str
    metric: str
    samples: tuple[Sample, ...]
    caution: str = ""

    @property
    def _full(self) -> str:
        """The regex of a whole line, up to one metric."""
        return f"{self.prefix}.*?{self.item}" if self.prefix else self.item

    def regex_for(self, metric: str) -> str | None:
        """The regex of one metric, the value its first group; None if the form has no such name."""
        named = re.sub(r"\\\{(\w+)\\\}", lambda m: rf"(?P<{m[1]}>\S+?)", re.escape(self.metric))
        match = re.fullmatch(named, metric)
        if match is None:
            return None
        regex = self._full.replace("(?P<value>", "(")
        for group, text in match.groupdict().items():
            inside = _group(regex, group)
            plain = text if group == "name" else text.lower()
            if not re.fullmatch(inside, plain, re.IGNORECASE):
                return None
            spelled = re.escape(plain)
            if group == "data":  # MXNet writes Validation-, the metric is validation:
                spelled = next((w for w in inside.split("|") if w.lower() == plain), spelled)
            regex = regex.replace(f"(?P<{group}>{inside})", spelled)
        return regex

    def metrics_in(self, line: str) -> Iterator[str]:
        """The names of the metrics that a line holds in this form."""
        start = re.search(self.prefix, line) if self.prefix else re.match("", line)
        if start is None:
            return
        for match in re.compile(self.item).finditer(line, start.end()):
            words = {k: v for k, v in match.groupdict().items() if k != "value"}
            if "data" in words:
                words["data"] = words["data"].lower()
            yield self.metric.format(**words)


def _group(regex: str, name: str) -> str:
    """The inside of a named group; no group of this table nests."""
    found = re.search(rf"\(\?P<{name}>([^)]*)\)", regex)
    return found[1] if found else r"\S+?"


_VALUE = f"(?P<value>{NUMBER})"
_QUALITY = r"#quality_metric: host=\S+, "

# In order: of several forms that lines match, the first one counts.
LINE_FORMS: tuple[LineForm, ...] = (
    LineForm(
        "XGBoost",
        r"\[[0-9]+\]",
        rf"{_TAB}(?P<data>train|validation|test)-(?P<name>[^:\s]+):{_VALUE}",
        "{data}:{name}",
        (
            Sample(
                "[3]#011train-auc:0.92456#011validation-auc:0.94514", "validation:auc", 3, 0.94514
            ),
            Sample(
                "[0]\ttrain-rmse:19.374\tvalidation-rmse:2.5e-05", "validation:rmse", 0, 2.5e-05
            ),
            Sample("[12]#011train-error:0.09#011validation-error:0.1", "train:error", 12, 0.09),
        ),
    ),
    LineForm(
        "Linear Learner",
        _QUALITY + r"epoch=[0-9]+, ",
        rf"(?P<data>train|validation) \S+_objective <loss>={_VALUE}",
        "{data}:objective_loss",
        (
            Sample(
                "[03/22/2020 20:43:21 INFO 140403405219648] #quality_metric: host=algo-1, epoch=0, "
                "validation mse_objective <loss>=88.1902204241",
                "validation:objective_loss",
                0,
                88.1902204241,
            ),
            Sample(
                "[06/20/2018 20:56:53 INFO 139994927933248] #quality_metric: host=algo-1, epoch=1, "
                "train binary_classification_cross_entropy_objective <loss>=0.398282813673",
                "train:objective_loss",
                1,
                0.398282813673,
            ),
        ),
    ),
    LineForm(
        "Object Detection, IP Insights, Object2Vec, NTM, DeepAR, Factorization Machines",
        _QUALITY + r"epoch=[0-9]+, ",
        # Per-batch lines have "batch=N" before "train": the item must follow the epoch at once.
        rf"(?<=, )(?P<data>train|validation|test) (?P<name>\S+) <(?:loss|score)>=\(?{_VALUE}\)?",
        "{data}:{name}",
        (
            Sample(
                "[01/20/2019 15:30:03 INFO 139784023504704] #quality_metric: host=algo-1, "
                "epoch=99, validation mAP <score>=(0.70335114663)",
                "validation:mAP",
                99,
                0.70335114663,
            ),
            Sample(
                "[05/18/2021 00:31:11 INFO 140479751137088] #quality_metric: host=algo-1, "
                "epoch=4, train binary_classification_accuracy <score>=0.9871529945311458",
                "train:binary_classification_accuracy",
                4,
                0.9871529945311458,
            ),
            Sample(
                "[06/08/2021 20:17:26 INFO 140701719820096] #quality_metric: host=algo-2, "
                "epoch=81, validation total_loss <loss>=6.682445662362235",
                "validation:total_loss",
                81,
                6.682445662362235,
            ),
        ),
    ),
    LineForm(
        "Linear Learner, DeepAR, Object2Vec, Factorization Machines: at the end",
        _QUALITY,
        rf"(?<=, )(?P<data>train|validation|test) (?P<name>\S+) <(?:loss|score)>=\(?{_VALUE}\)?",
        "{data}:{name}",
        (
            Sample(
                "[06/28/2020 10:40:37 INFO 140662908348224] #quality_metric: host=algo-1, "
                "test RMSE <loss>=0.360469075446",
                "test:RMSE",
                None,
                0.360469075446,
            ),
        ),
        caution="printed once, after training: AUTO can never act on it",
    ),
    LineForm(
        "Image Classification, MXNet",
        r"Epoch\[[0-9]+\] ",
        rf"(?P<data>Train|Validation)-(?P<name>[^=\s]+)={_VALUE}",
        "{data}:{name}",
        (
            Sample(
                "[09/14/2020 05:39:02 INFO 139869866030912] Epoch[0] Validation-accuracy=0.729492",
                "validation:accuracy",
                0,
                0.729492,
            ),
            Sample("INFO:root:Epoch[9] Train-accuracy=0.971200", "train:accuracy", 9, 0.9712),
        ),
    ),
    LineForm(
        "LightGBM",
        r"\[[0-9]+\](?=#011|\t)",
        rf"{_TAB}(?P<data>valid\w*|train\w*)'s (?P<name>[^:\s]+): {_VALUE}",
        "{data}:{name}",
        (
            Sample("[2]#011valid_0's multi_logloss: 2.1802", "valid_0:multi_logloss", 2, 2.1802),
            Sample("[1]\ttraining's rmse: 3e-07\tvalid_1's rmse: 0.5", "valid_1:rmse", 1, 0.5),
        ),
    ),
    LineForm(
        "LightGBM, the validation value",
        r"\[[0-9]+\](?=#011|\t)",
        rf"{_TAB}valid\w*'s (?P<name>[^:\s]+): {_VALUE}",
        "{name}",
        (Sample("[1]\ttraining's rmse: 0.7\tvalid_0's rmse: 0.5", "rmse", 1, 0.5),),
    ),
    LineForm(
        "CatBoost",
        "",
        rf"(?P<name>bestTest) = {_VALUE}",
        "{name}",
        (Sample("bestTest = 0.963160336", "bestTest", None, 0.963160336),),
        caution="printed once, after training: AUTO can never act on it",
    ),
    LineForm(
        "CatBoost, each iteration",
        r"^[0-9]+:(?=#011|\t)",
        rf"(?P<name>learn|test): {_VALUE}",
        "{name}",
        (
            Sample(
                "12:\tlearn: 0.4310941\ttest: 0.4512345\tbest: 0.4512345 (12)\ttotal: 61.6ms",
                "test",
                12,
                0.4512345,
            ),
        ),
    ),
    LineForm(
        "TabTransformer",
        r"metrics=\{",
        rf"'(?P<name>\w+)': {_VALUE}",
        "{name}",
        (Sample("metrics={'r2': 0.8231}", "r2", None, 0.8231),),
    ),
    LineForm(
        "AutoGluon-Tabular",
        "",
        rf"{_VALUE}\s+= Validation score\s+\((?P<name>-?\w+)\)",
        "{name}",
        (Sample("\t0.8437\t = Validation score   (accuracy)", "accuracy", None, 0.8437),),
        caution="printed once a model of the ensemble, not once an epoch",
    ),
    LineForm(
        "Keras",
        # The last update of an epoch; earlier ones of the same line have an ETA instead.
        r"(?<!ETA:) [0-9.]+[mu]?s(?:/(?:step|epoch|sample))?(?= - )(?!.*ETA)",
        rf" - (?P<name>\w+): {_VALUE}",
        "{name}",
        (
            Sample(
                "3/3 - 0s - 2us/step - accuracy: 0.7000 - loss: 0.7000 - val_accuracy: 0.7100 "
                "- val_loss: -2.5000e-01",
                "val_loss",
                None,
                -0.25,
            ),
            Sample(" - 0s - loss: 0.7000 - val_loss: 4.2000e-04", "val_loss", None, 4.2e-04),
            Sample(
                "#015 1/12 [=>......] - ETA: 0s - loss: 50.9466#010#010#010#01512/12 "
                "[======] - 0s 2ms/step - loss: 47.1391",
                "loss",
                None,
                47.1391,
            ),
            Sample(
                "156/156 [==============================] - 7s 46ms/step - loss: 1.5627 "
                "- acc: 0.4161 - val_loss: 2.3014 - val_acc: 0.2880",
                "loss",
                None,
                1.5627,
            ),
        ),
    ),
    LineForm(
        "TensorFlow Estimator",
        r"Saving dict for global step [0-9]+:",
        rf"[ ](?P<name>[\w/]+) = {_VALUE}",
        "{name}",
        (
            Sample(
                "INFO:tensorflow:Saving dict for global step 500: accuracy = 0.91, "
                "global_step = 500, loss = 0.31",
                "loss",
                500,
                0.31,
            ),
        ),
    ),
    LineForm(
        "Hugging Face",
        r"\{(?=.*'epoch': )",
        rf"'(?P<name>eval_\w+|loss)': {_VALUE}",
        "{name}",
        (
            Sample(
                "{'eval_loss': 0.7922734022140503, 'eval_accuracy': 0.6599732262382865, "
                "'eval_runtime': 5.6424, 'epoch': 3.0}",
                "eval_accuracy",
                3,
                0.6599732262382865,
            ),
        ),
    ),
)


def metrics_of(objective: str) -> list[tuple[LineForm, Metric]]:
    """Every form that knows a metric of this name, with its regex, in the table's order."""
    found = []
    for form in LINE_FORMS:
        regex = form.regex_for(objective)
        if regex is not None:
            found.append((form, Metric.compile(objective, regex, f"table, {form.algorithm}")))
    return found


def metrics_in(texts: Iterable[LogText]) -> list[str]:
    """The names of the table's metrics that some text holds, in order of appearance."""
    names: dict[str, None] = {}
    hints = re.compile(r"\[[0-9]+\]|#quality_metric|= |: ")
    for text in texts:
        for line in text.data.decode("utf-8", errors="replace").split("\n"):
            if hints.search(line):
                for form in LINE_FORMS:
                    names.update(dict.fromkeys(form.metrics_in(line)))
    return list(names)
