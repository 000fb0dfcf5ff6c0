"""Bodies of requests, checked as strictly as real providers do.

A shape is a pydantic model; what one field cannot say of itself, a dialect checks afterwards.
"""

import base64
import json
from collections.abc import Sequence
from typing import Annotated, Any, Final, TypeVar, cast

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from waypost.demo.wire import RefusedError
from waypost.dialects.foreign import mapping, sequence

S = TypeVar("S", bound=BaseModel)

Schema = dict[str, Any]
Ratio = Annotated[float, Field(ge=0, le=1)]
_LONGEST: Final = 300


class Shape(BaseModel):
    """A JSON object that has these fields and no others."""

    model_config = ConfigDict(extra="forbid", strict=True, populate_by_name=False)


class Loose(BaseModel):
    """A JSON object that may have more."""

    model_config = ConfigDict(extra="allow", strict=True)


def _base64(text: str) -> str:
    base64.b64decode(text, validate=True)
    return text


Base64 = Annotated[str, Field(min_length=1), AfterValidator(_base64)]


def read(shape: type[S], body: bytes) -> S:
    """The body as this shape.

    Raises:
        RefusedError: 400; it names the field and never repeats what stood there.
    """
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        # Of several, as for each kind that a value may have, the one that came farthest tells most.
        errors = error.errors(include_input=False, include_url=False, include_context=False)
        worst = max(errors, key=lambda item: len(item["loc"]))
        param = _path(worst["loc"], body)
        unknown = worst["type"] == "extra_forbidden"
        message = f"{param or 'body'}: {'unknown field' if unknown else worst['msg']}"
        code = "unknown_parameter" if unknown else None
        raise RefusedError(400, message[:_LONGEST], param=param, code=code) from None


def _path(steps: Sequence[int | str], body: bytes) -> str | None:
    """Path in the body; steps that lead nowhere in it name a kind of value that was tried."""
    try:
        here: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    path: list[str] = []
    for n, step in enumerate(steps):
        fields, items, is_last = mapping(here), sequence(here), n == len(steps) - 1
        if isinstance(step, int) and items is not None:
            here = items[step]
        elif fields is not None and not is_last and step == fields.get("type") and _is_tag(steps, n, fields):
            continue
        elif isinstance(step, str) and fields is not None and (step in fields or is_last):
            here = fields.get(step)
        else:
            continue
        path.append(str(step))
    return ".".join(path) or None


def _is_tag(steps: Sequence[int | str], n: int, fields: dict[str, Any]) -> bool:
    """Whether the step is the value of `type`, and not the field of that name that stands beside it."""
    return steps[n + 1] == steps[n] or mapping(fields.get(str(steps[n]))) is None


def invalid(message: str, param: str | None = None) -> RefusedError:
    """A request that is wrong."""
    return RefusedError(400, message, param=param)


def stranger(value: object, path: str = "") -> str | None:
    """Path of the first field in it that its shape does not have; None = there is none."""
    if isinstance(value, BaseModel):
        extra = next(iter(value.model_extra or ()), None)
        if extra is not None:
            return f"{path}{extra}"
        names = type(value).model_fields
        inner: list[tuple[str, object]] = [(f"{path}{name}", getattr(value, name)) for name in names]
    elif isinstance(value, list):
        items = cast("list[object]", value)
        inner = [(f"{path.removesuffix('.')}[{n}]", item) for n, item in enumerate(items)]
    else:
        return None
    return next((found for name, item in inner if (found := stranger(item, f"{name}."))), None)
