"""The regex that a user would give, as `--metric NAME=REGEX`, for lines of no known framework."""

from __future__ import annotations

N = r"(-?[0-9.]+)"
CELL = r"[-0-9.e+]+"

REGEXES: dict[str, dict[str, str]] = {
    "accelerate_two_processes": {"val_loss": rf"^epoch \d+: val_loss: {N}"},
    "fastai": {
        "valid_loss": rf"\b\d+ {{3,}}{CELL} +{N} +",
        "train_loss": rf"\b\d+ {{3,}}{N} +{CELL} +",
    },
    "gluon": {"cross-entropy": f"validation: cross-entropy={N}"},
    "gluonts_mxnet": {
        "validation_epoch_loss": f"'validation_epoch_loss'={N}",
        "epoch_loss": f"'epoch_loss'={N}",
    },
    "jax_absl": {"test_loss": f"test_loss: {N}", "train_loss": f"train_loss: {N}"},
    "keras2_printed": {"val_loss": f"val_loss = {N};?", "loss": rf"(?<!_)loss = {N}"},
    "keras3_printed": {"val_loss": f"val_loss = {N};?", "loss": rf"(?<!_)loss = {N}"},
    "lightning2_callbacks": {"val_loss": f"'val_loss' reached {N}"},
    "lightning2_printed": {
        "val_loss": rf"'val_loss': tensor\({N}\)",
        "train_loss": rf"'train_loss': tensor\({N}\)",
    },
    "loguru_colours": {"val_loss": rf"Epoch \d+:.* val_loss={N}", "train_loss": f"train_loss={N}"},
    "loop_folds": {"val_loss": f" - val_loss: {N}"},
    "loop_json_nested": {"val.loss": rf'"val": {{"loss": {N}'},
    "loop_logging": {"val_loss": f"done: val_loss: {N}", "val_acc": f"val_acc: {N}"},
    "loop_nanogpt": {"val loss": f"val loss {N}", "train loss": f"train loss {N}"},
    "loop_pytorch_mnist": {"Average loss": f"Average loss: {N}"},
    "loop_pytorch_quickstart": {"Avg loss": f"Avg loss: {N}", "Accuracy": f"Accuracy: {N}%"},
    "loop_pytorch_tutorial": {"val Loss": f"val Loss: {N}", "train Loss": f"train Loss: {N}"},
    "loop_restarted": {"val_loss": f"val_loss={N}", "loss": f" loss={N}"},
    "loop_table": {
        "val_loss": rf"^ +\d+ +{CELL} +{CELL} +{N} ",
        "train_loss": rf"^ +\d+ +{CELL} +{N} +{CELL} ",
    },
    "rich_log": {"val_loss": f"'val_loss': {N}"},
    "rich_progress": {"val_loss": f"val_loss {N}", "loss": f" loss {N}"},
    "paddle_verbose1": {"loss": rf"step 6/6 .*- loss: {N}"},
    "paddle_verbose2": {"loss": rf"step 6/6 - loss: {N}"},
    "sklearn_boosting": {
        "Train Loss": rf"^ +\d+ +{N} +{CELL} +",
        "OOB Improve": rf"^ +\d+ +{CELL} +{N} +",
    },
    "sklearn_hist_boosting": {"val loss": f"val loss: {N}", "train loss": f"train loss: {N}"},
    "sklearn_mlp": {"loss": f"loss = {N}", "Validation score": f"Validation score: {N}"},
    "skorch": {
        "valid_loss": rf"^ +\d+ +{CELL} +{CELL} +{CELL} +{N} ",
        "train_loss": rf"^ +\d+ +{N} ",
        "valid_auc": rf"^ +\d+ +{CELL} +{CELL} +{N} ",
    },
    "spacy": {
        "CATS_SCORE": rf"^ +\d+ +\d+ +{CELL} +{N} ",
        "LOSS TEXTCAT": rf"^ +\d+ +\d+ +{N} ",
    },
    "structlog_console": {"val_loss": f"val_loss={N}", "loss": f" loss={N}"},
    "structlog_json": {"val_loss": f'"epoch": .*"val_loss": {N}', "loss": f'"loss": {N}'},
    "torchrun_own": {"val_loss": f"val_loss={N}"},
    "torchrun_same": {"val_loss": f"val_loss={N}", "loss": f" loss={N}"},
    "torchrun_tee": {"val_loss": f"val_loss={N}"},
    "tqdm_all_epochs": {"valid": f"valid={N}", "train": f"train={N}"},
    "tqdm_and_print": {"val loss": f"val loss: {N}", "loss": f"^loss: {N}"},
    "tqdm_count_alone": {"val_loss": f"val_loss: {N}", "train_loss": f"train_loss: {N}"},
    "tqdm_nested": {"val/loss": f"val/loss={N}"},
    "tqdm_write": {"val loss": f"val loss {N}", "train loss": f"train loss {N}"},
    "ultralytics": {
        "box_loss": rf".*\b\d+/5 +0G +{N} ",
        "mAP50": rf"^ +all +\d+ +\d+ +{CELL} +{CELL} +{N} ",
    },
}
