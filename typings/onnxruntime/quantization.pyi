from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

class QuantType(Enum):
    QInt8 = 0
    QUInt8 = 1

def quantize_dynamic(
    model_input: str | Path,
    model_output: str | Path,
    *,
    per_channel: bool = False,
    reduce_range: bool = False,
    weight_type: QuantType = ...,
    extra_options: Mapping[str, Any] | None = None,
) -> None: ...
