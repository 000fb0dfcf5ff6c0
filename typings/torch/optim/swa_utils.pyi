from collections.abc import Callable
from typing import Any, Generic, TypeVar

from torch.nn import Module

_M = TypeVar("_M", bound=Module)

class AveragedModel(Module, Generic[_M]):
    module: _M
    def __init__(self, model: _M, *, multi_avg_fn: Callable[..., Any]) -> None: ...
    def update_parameters(self, model: _M) -> None: ...

def get_ema_multi_avg_fn(decay: float) -> Callable[..., Any]: ...
