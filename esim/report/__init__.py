"""What a person reads. Reads results only."""

import sys
from types import ModuleType
from typing import Any, NoReturn


class _Room(ModuleType):
    """This package, which says what was meant by who calls it."""

    def __call__(self, *result: Any, **more: Any) -> NoReturn:
        raise TypeError(
            "esim.report is a package and writes nothing by itself; a result does: "
            'result.report("report.html"), result.save("folder")'
        )


sys.modules[__name__].__class__ = _Room
