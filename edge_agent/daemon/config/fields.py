"""Holds tables against structs field by field, so that every problem is found, not the first."""

from collections.abc import Callable, Mapping
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import msgspec

from edge_agent.daemon.config.problems import shown

Report = Callable[[str, str, str], None]
S = TypeVar("S", bound=msgspec.Struct)


def convert(table: Mapping[str, Any], struct: type[S], path: str, report: Report) -> S | None:
    """Return ``table`` as ``struct``, or None after reporting all that is wrong with it.

    Args:
        table: as TOML gives it.
        struct: its fields are the allowed keys.
        path: of the table, empty at the top.
        report: called with key path, found and allowed for each problem.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
    sound = True
    for key in sorted(table.keys() - fields.keys()):
        report(_join(path, key), "an unknown key", nearest(key, list(fields)))
        sound = False
    values: dict[str, Any] = {}
    for key, field in fields.items():
        where = _join(path, key)
        if key not in table:
            if field.required:
                report(where, "nothing", f"{describe(field.type)}; it is required")
                sound = False
            continue
        value = _value(table[key], field.type, where, report)
        if value is None:
            sound = False
        else:
            values[field.name] = value
    return struct(**values) if sound else None


def _value(value: Any, kind: Any, where: str, report: Report) -> Any:  # noqa: ANN401
    struct, is_list = _struct_of(kind)
    if struct is not None and not is_list and isinstance(value, dict):
        return convert(value, struct, where, report)
    if struct is not None and is_list and isinstance(value, list):
        return _rows(value, kind, struct, where, report)
    try:
        return msgspec.convert(value, kind, strict=True)
    except msgspec.ValidationError:
        report(where, shown(where, value), describe(kind))
        return None


def _rows(
    rows: list[Any],
    kind: Any,  # noqa: ANN401
    struct: type[msgspec.Struct],
    where: str,
    report: Report,
) -> tuple[msgspec.Struct, ...] | None:
    if not rows:
        report(where, "an empty list", describe(kind))
        return None
    converted = []
    for index, row in enumerate(rows):
        if isinstance(row, dict):
            converted.append(convert(row, struct, f"{where}[{index}]", report))
        else:
            report(f"{where}[{index}]", shown(where, row), "a table")
            converted.append(None)
    complete = [row for row in converted if row is not None]
    return tuple(complete) if len(complete) == len(rows) else None


def _struct_of(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:  # noqa: ANN401
    if get_origin(kind) is Annotated:
        return _struct_of(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType) and type(None) in get_args(kind):
        some = [part for part in get_args(kind) if part is not type(None)]
        return _struct_of(some[0]) if len(some) == 1 else (None, False)
    if get_origin(kind) is tuple:
        return _struct_of(get_args(kind)[0])[0], True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    return None, False


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def nearest(key: str, allowed: list[str]) -> str:
    """Name all that is ``allowed``, first what was probably meant by ``key``."""
    import difflib

    near = difflib.get_close_matches(key, allowed, n=3, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(near)}? all: {', '.join(allowed)}"
    return ", ".join(allowed)


def describe(kind: Any) -> str:  # noqa: ANN401 - any annotation
    """Say in words what a field's type allows."""
    if get_origin(kind) in (Union, UnionType):
        return " or ".join(describe(part) for part in get_args(kind) if part is not type(None))
    struct, is_list = _struct_of(kind)
    if struct is not None:
        return "one table or more ([[...]])" if is_list else "a table"
    match msgspec.inspect.type_info(kind):
        case msgspec.inspect.LiteralType(values=values):
            words = "one of " + ", ".join(str(value) for value in values)
        case msgspec.inspect.BoolType():
            words = "true or false"
        case msgspec.inspect.IntType() as info:
            words = "an integer" + _bounds(info)
        case msgspec.inspect.FloatType() as info:
            words = "a number" + _bounds(info)
        case msgspec.inspect.StrType(pattern=str(pattern)):
            words = "a text of the form " + pattern.removeprefix("^").removesuffix(r"\Z")
        case msgspec.inspect.StrType(min_length=shortest):
            words = "a text that is not empty" if shortest else "a text"
        case msgspec.inspect.VarTupleType():
            words = "a list of texts"
        case _:
            words = "a table"
    return words


def _bounds(info: msgspec.inspect.IntType | msgspec.inspect.FloatType) -> str:
    low = f" from {info.ge:g}" if info.ge is not None else ""
    low = f" above {info.gt:g}" if info.gt is not None else low
    high = f" to {info.le}" if info.le is not None else ""
    return low + high
