# The part of transformers that a conversion uses; transformers is not installed where types are checked.
from pathlib import Path
from typing import Any

from transformers import logging as logging

class _Auto:
    @classmethod
    def from_pretrained(cls, name: str, **options: Any) -> Any: ...

class AutoModel(_Auto): ...
class AutoModelForSequenceClassification(_Auto): ...
class AutoModelForTokenClassification(_Auto): ...

class _Backend:
    def save(self, path: str | Path) -> None: ...

class AutoTokenizer:
    backend_tokenizer: _Backend
    @classmethod
    def from_pretrained(cls, name: str, **options: Any) -> AutoTokenizer: ...
