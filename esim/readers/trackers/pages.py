"""The files that the pages of trackers let one download: a row of data each.

Source: tensorboard/plugins/scalar (the page's _csvName and /data/plugin/scalars/scalars?format=).
"""

from __future__ import annotations

from esim.readers.formats import Format
from esim.readers.loggers import Logger
from esim.readers.run_logs import Layout

TENSORBOARD = Logger(
    # Browsers put "_" for the "/" in a run's name; a second download gets " (1)".
    what="TensorBoard's page",
    path=r"(?P<above>(?:.*/)?)run[-_](?P<run>.+?)(?:[_/](?P<part>train|validation|eval|test))?"
    r"-tag-(?P<metric>.+?)(?: ?\(\d+\))?\.(?:csv|json)",
    header="Wall time, Step and Value",
    is_header=lambda columns: set(columns) == {"Wall time", "Step", "Value"},
    layout=Layout(steps=("Step",), timestamps=("Wall time",), sparse=True),
    encodings=("CSV", "JSON"),
)

FORMATS = (
    Format(
        name="tensorboard-page",
        summary="TensorBoard's page: run-<run>-tag-<tag>.csv or .json, a file a run and tag",
        needs=("direction", "objective, if there are several metrics"),
        times=True,
        takes=("step", "where"),
        files="run-*-tag-*.csv or .json of TensorBoard's page",
        reader=TENSORBOARD,
        sample={
            "run-lr0_validation-tag-epoch_loss.csv": "Wall time,Step,Value\r\n"
            "1700000000.5,0,1.5\r\n1700000010.5,1,0.75\r\n"
        },
    ),
)
