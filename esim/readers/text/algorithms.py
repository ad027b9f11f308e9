"""The table of what the algorithms and frameworks that SageMaker documents print.

It is used where a job's description has no regex for a metric and --metric gives none. A form says
how such lines print any of their metrics. The direction is not in the table, because the tuning
job's objective names it.

Each sample says how it was obtained. Recorded lines are from `data/frameworks` (see
`data/README.md`). Lines of algorithms that run only on SageMaker are written after the form of real
logs, with other numbers. The module is long because it is a table of data; splitting it would hide
the order of its rows, which decides between forms.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from esim.readers.text.forms import TAB, VALUE, WORD, LineForm, Sample, TableForm
from esim.readers.text.log_text import LogText

_QUALITY = r"#quality_metric: host=[^\s,]{1,99}, "
_ITEM = (
    rf"(?<=, )(?P<data>train|validation|test) (?P<name>\S{{1,99}}) <(?:loss|score)>=\(?{VALUE}\)?"
)
_LOGS = "written after the form of real logs"
_XGBOOST = "recorded with xgboost 3.2.0"
_LIGHTGBM = "recorded with lightgbm 4.7.0"
_CATBOOST = "recorded with catboost 1.2.10"
_KERAS3 = "recorded with tensorflow 2.21.0, keras 3.15.1"
_KERAS2 = "recorded with tensorflow 2.15.1, keras 2.15.0"
_MXNET = "recorded with mxnet 1.9.1"
_CHAINER = "recorded with chainer 7.8.1"


_LOOK_AT = 1_000_000
_HINTS = re.compile(r"\[[0-9]|#quality_metric|[=:]|^(?:epoch|iteration) ")


def _quality(algorithm: str, text: str, metric: str, step: int | None, value: float) -> Sample:
    head = "[11/24/2026 09:10:11 INFO 140000000000001] #quality_metric: host=algo-1, "
    return Sample(algorithm, _LOGS, head + text, metric, step, value)


# The order matters: of several forms that lines match, the first one counts.
LINE_FORMS: tuple[LineForm | TableForm, ...] = (
    LineForm(
        "XGBoost",
        r"\[[0-9]+\]",
        rf"{TAB}(?P<data>train|validation|test|eval|validation_[0-9]{{1,9}})-(?P<name>{WORD}):{VALUE}",
        "{data}:{name}",
        (
            Sample(
                "XGBoost",
                _XGBOOST,
                "[3]\ttrain-logloss:0.29913\ttrain-auc:0.96856\tvalidation-logloss:0.55781"
                "\tvalidation-auc:0.78633",
                "validation:auc",
                3,
                0.78633,
            ),
            Sample(
                "XGBoost",
                _XGBOOST + ", XGBClassifier",
                "[2]\tvalidation_0-logloss:0.41049\tvalidation_1-logloss:0.57274",
                "validation_1:logloss",
                2,
                0.57274,
            ),
            Sample(
                "XGBoost",
                _LOGS,
                "[12]#011train-rmse:2.5e-05#011validation-rmse:3.25e-05",
                "validation:rmse",
                12,
                3.25e-05,
            ),
        ),
    ),
    LineForm(
        "Linear Learner",
        _QUALITY + r"epoch=[0-9]+, ",
        rf"(?P<data>train|validation) \S{{1,99}}_objective <loss>={VALUE}",
        "{data}:objective_loss",
        (
            _quality(
                "Linear Learner",
                "epoch=0, validation mse_objective <loss>=61.5023",
                "validation:objective_loss",
                0,
                61.5023,
            ),
            _quality(
                "Linear Learner",
                "epoch=1, train binary_classification_cross_entropy_objective <loss>=0.4125",
                "train:objective_loss",
                1,
                0.4125,
            ),
        ),
    ),
    LineForm(
        "Object Detection, IP Insights, Object2Vec, NTM, DeepAR, Factorization Machines",
        _QUALITY + r"epoch=[0-9]+, ",
        _ITEM,  # right behind the epoch: lines of a batch have "batch=N" before "train"
        "{data}:{name}",
        (
            _quality(
                "Object Detection",
                "epoch=99, validation mAP <score>=(0.6512)",
                "validation:mAP",
                99,
                0.6512,
            ),
            _quality(
                "IP Insights",
                "epoch=4, validation discriminator_auc <score>=0.9125",
                "validation:discriminator_auc",
                4,
                0.9125,
            ),
            _quality(
                "Object2Vec",
                "epoch=6, validation cross_entropy <loss>=0.2025",
                "validation:cross_entropy",
                6,
                0.2025,
            ),
            _quality(
                "NTM",
                "epoch=81, validation total_loss <loss>=6.75",
                "validation:total_loss",
                81,
                6.75,
            ),
            _quality("DeepAR", "epoch=19, train loss <loss>=-0.00625", "train:loss", 19, -0.00625),
            _quality(
                "Factorization Machines",
                "epoch=3, train rmse <loss>=90.25",
                "train:rmse",
                3,
                90.25,
            ),
        ),
    ),
    LineForm(
        "Linear Learner, DeepAR, Object2Vec, Factorization Machines: at the end",
        _QUALITY,
        _ITEM,
        "{data}:{name}",
        (_quality("DeepAR", "test RMSE <loss>=0.375", "test:RMSE", None, 0.375),),
        caution="printed once, after training: AUTO can never act on it",
    ),
    LineForm(
        "Image Classification, MXNet",
        r"Epoch\[[0-9]++\](?: |#011|\t)",
        rf"(?P<data>Train|Validation)-(?P<name>{WORD})={VALUE}",
        "{data}:{name}",
        (
            Sample(
                "Image Classification",
                _LOGS,
                "[11/24/2026 09:10:11 INFO 140000000000001] Epoch[0] Validation-accuracy=0.512500",
                "validation:accuracy",
                0,
                0.5125,
            ),
            Sample(
                "MXNet",
                _MXNET,
                "INFO:root:Epoch[3] Validation-accuracy=0.687500",
                "validation:accuracy",
                3,
                0.6875,
            ),
            Sample(
                "MXNet",
                _MXNET,
                "INFO:root:Epoch[1] Train-accuracy=0.687500",
                "train:accuracy",
                1,
                0.6875,
            ),
        ),
    ),
    LineForm(
        "Seq2Seq",
        r"Checkpoint \[[0-9]++\](?:#011|\t)",
        rf"(?P<data>Train|Validation)-(?P<name>{WORD})={VALUE}",
        "{data}:{name}",
        (
            Sample(
                "Seq2Seq",
                "written after what Sockeye 1 logs, which the algorithm is built on",
                "[11/24/2026 09:10:11 INFO 140000000000001] Checkpoint [3]#011"
                "Validation-perplexity=41.250000",
                "validation:perplexity",
                3,
                41.25,
            ),
        ),
        caution="printed once a checkpoint (every 1000 batches), not once an epoch",
    ),
    LineForm(
        "LightGBM",
        rf"\[[0-9]+\](?={TAB})",
        rf"{TAB}(?P<set>\w[\w ]{{0,99}})'s (?P<name>{WORD}): {VALUE}",
        "{set}:{name}",
        (
            Sample(
                "LightGBM",
                _LIGHTGBM,
                "[3]\ttraining's binary_logloss: 0.390737\tvalid_1's binary_logloss: 0.444574",
                "valid_1:binary_logloss",
                3,
                0.444574,
            ),
            Sample(
                "LightGBM",
                _LOGS,
                "[2]#011valid_0's multi_logloss: 1e-05",
                "valid_0:multi_logloss",
                2,
                1e-05,
            ),
        ),
    ),
    LineForm(
        "LightGBM, the validation value",
        rf"\[[0-9]+\](?={TAB})",
        rf"{TAB}valid\w{{0,99}}'s (?P<name>{WORD}): {VALUE}",
        "{name}",
        (
            Sample(
                "LightGBM",
                _LIGHTGBM,
                "[1]\ttraining's binary_logloss: 0.51512\tvalid_1's binary_logloss: 0.525658",
                "binary_logloss",
                1,
                0.525658,
            ),
        ),
    ),
    LineForm(
        "CatBoost",
        "",
        rf"(?P<name>bestTest) = {VALUE}",
        "{name}",
        (Sample("CatBoost", _CATBOOST, "bestTest = 0.5367558094", "bestTest", None, 0.5367558094),),
        caution="printed once, after training: AUTO can never act on it",
    ),
    LineForm(
        "CatBoost, each iteration",
        rf"(?<![\w.])[0-9]++:(?={TAB})",
        rf"{TAB}(?P<name>learn|test[0-9]{{0,9}}): {VALUE}",
        "{name}",
        (
            Sample(
                "CatBoost",
                _CATBOOST,
                "3:\tlearn: 0.4756279\ttest: 0.5367558\tbest: 0.5367558 (3)\ttotal: 49ms"
                "\tremaining: 0us",
                "test",
                3,
                0.5367558,
            ),
            Sample(
                "CatBoost",
                _CATBOOST + ", two sets",
                "2:\ttest: 0.8482143\ttest1: 0.8308333\tbest: 0.8308333 (2)\ttotal: 48.4ms"
                "\tremaining: 919ms",
                "test1",
                2,
                0.8308333,
            ),
        ),
    ),
    LineForm(
        "TabTransformer",
        r"metrics=\{",
        rf"'(?P<name>\w{{1,99}})': {VALUE}",
        "{name}",
        (
            Sample(
                "TabTransformer",
                "written after the documented regex",
                "metrics={'r2': 0.8125}",
                "r2",
                None,
                0.8125,
            ),
        ),
    ),
    LineForm(
        "AutoGluon-Tabular",
        "",
        rf"(?<![\w.+-]){VALUE}\s{{1,9}}= Validation score\s{{1,9}}\((?P<name>-?\w{{1,99}})\)",
        "{name}",
        (
            Sample(
                "AutoGluon-Tabular",
                "written after what AutoGluon prints; no regex is documented",
                "\t0.8125\t = Validation score   (accuracy)",
                "accuracy",
                None,
                0.8125,
            ),
        ),
        caution="printed once a model of the ensemble, not once an epoch",
    ),
    LineForm(
        "Keras",
        r" [0-9.]{1,20}[mu]?s(?:/(?:step|epoch|sample))?+(?= - \w{1,99}: )",
        rf" - (?P<name>\w{{1,99}}): {VALUE}",
        "{name}",
        (
            Sample(
                "TensorFlow",
                _KERAS3 + ", verbose=2",
                "3/3 - 0s - 69ms/step - accuracy: 0.4722 - loss: 0.8293 - val_accuracy: 0.5833 "
                "- val_loss: 0.7555",
                "val_loss",
                None,
                0.7555,
            ),
            Sample(
                "TensorFlow",
                _KERAS3 + ", verbose=1; the bar and the backspaces shortened",
                "\r\x1b[1m1/3\x1b[0m \x1b[32m━━\x1b[0m\x1b[37m━━━━\x1b[0m \x1b[1m0s\x1b[0m "
                "216ms/step - accuracy: 0.4062 - loss: 0.9132\x08\x08\x08\r\x1b[1m3/3\x1b[0m "
                "\x1b[32m━━━━━━\x1b[0m\x1b[37m\x1b[0m \x1b[1m1s\x1b[0m 144ms/step - accuracy: "
                "0.4722 - loss: 0.8293 - val_accuracy: 0.5833 - val_loss: 0.7555",
                "loss",
                None,
                0.8293,
            ),
            Sample(
                "TensorFlow",
                _KERAS2 + ", verbose=2",
                "3/3 - 0s - loss: 0.8292 - accuracy: 0.4722 - val_loss: 0.7551 - val_accuracy: "
                "0.5833 - 57ms/epoch - 19ms/step",
                "val_accuracy",
                None,
                0.5833,
            ),
            Sample(
                "TensorFlow",
                _KERAS2 + ", verbose=1; the backspaces shortened, as CloudWatch escapes them",
                "#0151/3 [=========>....................] - ETA: 0s - loss: 0.7517 - accuracy: "
                "0.5312#010#010#010#0153/3 [==============================] - 0s 23ms/step - loss: "
                "0.8292 - accuracy: 0.4722 - val_loss: 0.7551 - val_accuracy: 0.5833",
                "loss",
                None,
                0.8292,
            ),
            Sample(
                "TensorFlow",
                "written after the form of TensorFlow 2.3, verbose=2",
                " - 0s - loss: 0.7000 - val_loss: -4.2000e-04",
                "val_loss",
                None,
                -4.2e-04,
            ),
        ),
        without="ETA:",  # an update before the end of the epoch, in old versions
    ),
    LineForm(
        "TensorFlow Estimator",
        r"Saving dict for global step [0-9]+:",
        rf"[ ](?P<name>[\w/]{{1,99}}) = {VALUE}",
        "{name}",
        (
            Sample(
                "TensorFlow",
                "recorded with tensorflow 2.15.1, tensorflow-estimator 2.15.0",
                "INFO:tensorflow:Saving dict for global step 10: accuracy = 0.6979167, "
                "accuracy_baseline = 0.5729167, auc = 0.68470067, "
                "auc_precision_recall = 0.6921475, average_loss = 0.62878674, "
                "global_step = 10, label/mean = 0.42708334, "
                "loss = 0.62878674, precision = 0.6875, prediction/mean = 0.45419928, "
                "recall = 0.5365854",
                "loss",
                10,
                0.62878674,
            ),
        ),
    ),
    TableForm(
        "Chainer PrintReport",
        r"((?:epoch|iteration)(?: {2,}\S++)++)\s*$",
        r"[0-9]++ {2,}",
        (
            Sample(
                "Chainer",
                _CHAINER,
                "\x1b[J1           0.90337     0.756502              0.53125                   "
                "0.0190973     ",
                "validation/main/accuracy",
                1,
                0.53125,
                header="epoch       main/loss   validation/main/loss  validation/main/accuracy  "
                "elapsed_time",
            ),
            Sample(
                "Chainer",
                _CHAINER + ", validation every second epoch",
                "\x1b[4A\x1b[J3           0.763108                                              "
                "      0.0301222     ",
                "main/loss",
                3,
                0.763108,
                header="epoch       main/loss   validation/main/loss  validation/main/accuracy  "
                "elapsed_time",
            ),
        ),
    ),
    LineForm(
        "Chainer LogReport",
        r"\{",
        rf"\"(?P<name>[^\"\s]{{1,99}})\": {VALUE}",
        "{name}",
        needs='"epoch": ',
        samples=(
            Sample(
                "Chainer",
                _CHAINER + ", an entry of the file log on one line",
                '{"main/loss": 0.8254158198833466, "main/accuracy": 0.53125, '
                '"validation/main/loss": 0.7089459896087646, "validation/main/accuracy": 0.53125, '
                '"epoch": 2, "iteration": 8, "elapsed_time": 0.03070298400007232}',
                "validation/main/loss",
                2,
                0.7089459896087646,
            ),
        ),
    ),
    LineForm(
        "Hugging Face",
        r"\{",
        rf"'(?P<name>eval_\w{{1,99}}|loss)': '?{VALUE}",  # version 5 puts numbers into quotes
        "{name}",
        needs="'epoch': ",
        samples=(
            Sample(
                "Hugging Face",
                "recorded with transformers 5.23.0",
                "{'eval_loss': '0.6288', 'eval_accuracy': '0.7188', 'eval_runtime': '0.0804', "
                "'eval_samples_per_second': '397.8', 'eval_steps_per_second': '49.73', "
                "'epoch': '2'}",
                "eval_accuracy",
                2,
                0.7188,
            ),
            Sample(
                "Hugging Face",
                _LOGS + " of version 4",
                "{'eval_loss': 0.79125, 'eval_accuracy': 0.6640625, 'eval_runtime': 5.5, "
                "'epoch': 3.0}",
                "eval_loss",
                3,
                0.79125,
            ),
        ),
    ),
    LineForm(
        "PyTorch Lightning",
        r"Epoch [0-9]++: {1,9}100%",  # until then the values are those of the epoch before
        rf"[ ](?P<name>[\w/.-]{{1,99}})={VALUE}",
        "{name}",
        (
            Sample(
                "PyTorch Lightning",
                "recorded with lightning 2.6.6, TQDMProgressBar; the bar shortened",
                "\r    \x1b[A\rEpoch 0: 100%|██| 2/2 [00:00<00:00,  8.06it/s, train_loss=0.917, "
                "val_loss=0.839]\rEpoch 1:  50%|█ | 1/2 [00:00<00:00, 12.03it/s, "
                "train_loss=0.793, val_loss=0.839]",
                "train_loss",
                0,
                0.917,
            ),
        ),
    ),
    LineForm(
        "PyTorch, the MNIST example",
        "",
        rf"Test set: Average loss: {VALUE}",
        "average test loss",
        (
            Sample(
                "PyTorch",
                _LOGS,
                "Test set: Average loss: 0.0525, Accuracy: 9812/10000 (98%)",
                "average test loss",
                None,
                0.0525,
            ),
        ),
    ),
    LineForm(
        "a name and a value",
        "",
        rf"(?<![\w/.:-])[\"']?(?P<name>[^\"'{{}}]{{1,99}})[\"']?"
        rf"(?:\s{{0,3}}[:=]\s{{0,3}}[\"']?|\s{{1,3}}){VALUE}",
        "{name}",
        (
            Sample(
                "any program",
                "written after what programs print",
                "epoch=7 train_loss=0.5 val_loss=0.25",
                "val_loss",
                7,
                0.25,
            ),
            Sample(
                "any program",
                "written after what programs print",
                '{"epoch": 7, "train_loss": 0.5, "val_loss": 0.25}',
                "val_loss",
                7,
                0.25,
            ),
        ),
        general=True,
    ),
)

# Frameworks whose lines the user's program prints: the job or --metric must give their regex.
OWN_REGEX: tuple[tuple[str, Sample], ...] = (
    (
        r"Test set: Average loss: ([0-9\.]+)",
        Sample(
            "PyTorch",
            _LOGS,
            "Test set: Average loss: 0.0525, Accuracy: 9812/10000 (98%)",
            "loss",
            None,
            0.0525,
        ),
    ),
    (
        r"mse: ([0-9\.]+)",
        Sample("Spark", "written after a regex in use", "mse: 0.0625", "mse", None, 0.0625),
    ),
)


def forms_of(objective: str) -> list[LineForm | TableForm]:
    """The forms that can hold a metric, in the table's order.

    Args:
        objective: the metric's name in SageMaker.
    """
    return [form for form in LINE_FORMS if form.knows(objective)]


def metrics_in(texts: Iterable[LogText]) -> list[str]:
    """The names of the metrics that the table finds at the begin of some texts, as they appear.

    Args:
        texts: the texts, of which the first million bytes are looked at.
    """
    names: dict[str, None] = {}
    forms = [form for form in LINE_FORMS if not form.general]
    for text in texts:
        for line in text.data[:_LOOK_AT].decode("utf-8", errors="replace").split("\n"):
            if _HINTS.search(line):
                for form in forms:
                    names.update(dict.fromkeys(form.names_in(line)))
    return list(names)
