"""The configuration as it is in force, every default included, as a site file and as JSON; never a secret."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from vac_core.config.dialect import as_written
from vac_core.config.problems import Problem
from vac_core.config.read import Peer, shown
from vac_core.config.schema import MachineType, Site
from vac_core.options import Option, options_of

MASK: Final = "********"


def show(site: Site | None, problems: Iterable[Problem]) -> str:
    """A site file that says all that is in force, problems as comments; secrets are left out."""
    told = [f"# {problem.severity}: {problem}" for problem in problems]
    if site is None:
        return "\n".join([*told, "# There is no usable configuration.", ""])
    blocks = ["\n".join(told)] if told else []
    blocks.append(_block("settings", _lines(site.settings)))
    blocks += [_block(f"plugin {name}", _lines(value)) for name, value in site.plugin_options.items()]
    for prefix, pipe in site.pipes.items():
        defaults = (as_written(name, value) for name, value in pipe.machinetype_defaults.items())
        blocks.append(_block(f"vacuum_pipe {prefix}", [*_lines(pipe), *defaults]))
    blocks += [_block(f"machinetype {name}", _machinetype(one)) for name, one in site.machinetypes.items()]
    if site.disabled:
        blocks.append("\n".join(f"# [machinetype {name}] is disabled: {why}" for name, why in site.disabled.items()))
    return "\n\n".join(blocks) + "\n"


def as_json(site: Site | None, problems: Iterable[Problem]) -> dict[str, Any]:
    """The same, ready for `json.dumps`; secrets are masked. Without a site its keys are missing."""
    told = [
        {
            "severity": str(problem.severity),
            "file": problem.file,
            "line": problem.line,
            "section": problem.section,
            "option": problem.option,
            "what": problem.what,
            "mend": problem.mend,
        }
        for problem in problems
    ]
    if site is None:
        return {"problems": told}
    return {
        "settings": _plain(site.settings),
        "machinetypes": {name: _plain_machinetype(one) for name, one in site.machinetypes.items()},
        "vacuum_pipes": {
            prefix: {**_plain(pipe), "machinetype_defaults": dict(pipe.machinetype_defaults)}
            for prefix, pipe in site.pipes.items()
        },
        "plugins": {name: _plain(value) for name, value in site.plugin_options.items()},
        "disabled": dict(site.disabled),
        "problems": told,
    }


def _block(heading: str, lines: Iterable[str]) -> str:
    return "\n".join([f"[{heading}]", *lines])


def _machinetype(machinetype: MachineType) -> list[str]:
    origin = [f"# It comes from [vacuum_pipe {machinetype.pipe}]."] if machinetype.pipe else []
    own = _lines(machinetype)
    added = (line for value in machinetype.plugin_options.values() for line in _lines(value))
    return [*origin, *own, *added]


def _options(value: Any) -> Iterator[tuple[str, Option, Any]]:
    """Each option of a value with a schema; of a family one for each member."""
    for name, (declared, _) in options_of(type(value)).items():
        held = getattr(value, name)
        if declared.many:
            yield from ((f"{name}_{key}", declared, one) for key, one in held.items())
        else:
            yield name, declared, held


def _lines(value: Any) -> list[str]:
    return [
        f"# {name} is secret, so it is not shown." if declared.secret else as_written(name, shown(held))
        for name, declared, held in _options(value)
    ]


def _plain(value: Any) -> dict[str, Any]:
    return {name: MASK if declared.secret else _jsonable(held) for name, declared, held in _options(value)}


def _plain_machinetype(machinetype: MachineType) -> dict[str, Any]:
    added = {name: value for one in machinetype.plugin_options.values() for name, value in _plain(one).items()}
    return {**_plain(machinetype), **added, "vacuum_pipe": machinetype.pipe, "files_dir": machinetype.files_dir}


def _jsonable(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        return {str(key): _jsonable(one) for key, one in value.items()}
    if isinstance(value, tuple) and not any(isinstance(one, tuple | Peer) for one in value):
        return [_jsonable(one) for one in value]
    return shown(value).split() if isinstance(value, tuple) else shown(value)
