"""One section against the options it may take: names to what they mean today, texts to values, faults to problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from vac_core.config.problems import Problem, Severity
from vac_core.config.sections import NAMED_KINDS, Heading, Section, Setting
from vac_core.config.vocabulary import RETIRED, Vocabulary
from vac_core.options import Option, OptionValueError, options_of


@attrs.frozen
class Understood:
    """A section's settings by today's names of their options, and what was wrong with the names."""

    settings: Mapping[str, Setting]
    problems: tuple[Problem, ...] = ()


def understood(section: Section, vocabularies: Mapping[str, Vocabulary]) -> Understood:
    """Give each setting today's name; ``vocabularies`` are found by what a heading takes."""
    kind = section.heading.takes
    current: dict[str, Setting] = {}
    old: dict[str, Setting] = {}
    problems: list[Problem] = []
    for setting in section.settings.values():
        meaning = vocabularies[kind].meaning(setting.option)
        if meaning is None:
            problems.append(_unknown(setting, kind, vocabularies))
        elif meaning.deprecated:
            problems.append(_deprecated(setting, meaning.option, meaning.option in section.settings))
            old.setdefault(meaning.option, setting)
        else:
            current[meaning.option] = setting
    return Understood({**old, **current}, tuple(problems))


def _unknown(setting: Setting, kind: str, vocabularies: Mapping[str, Vocabulary]) -> Problem:
    if setting.option in RETIRED.get(kind, {}):
        return setting.problem("it changes nothing any more", RETIRED[kind][setting.option], Severity.WARNING)
    what = "there is no such option here"
    nearest = vocabularies[kind].nearest(setting.option)
    for other, vocabulary in vocabularies.items():
        if other != kind and vocabulary.meaning(setting.option):
            return setting.problem(what, f"move it to [{other}{' NAME' if other in NAMED_KINDS else ''}]")
    return setting.problem(what, f"did you mean {nearest}?" if nearest else "remove the line")


def _deprecated(setting: Setting, today: str, overruled: bool) -> Problem:
    what = f"it is ignored, because {today} is set too" if overruled else "this is an old name"
    return setting.problem(what, "remove the line" if overruled else f"write {today}", Severity.WARNING)


@attrs.frozen
class Checked:
    """A value of a schema, or None where it cannot be had, and the reasons."""

    value: Any
    problems: tuple[Problem, ...] = ()


def checked(schema: type[Any], settings: Mapping[str, Setting], heading: Heading, **given: Any) -> Checked:
    """Read a schema's options from their settings; ``given`` are its fields that are no options."""
    values: dict[str, Any] = dict(given)
    problems = list(misread(schema, settings))
    for name, (declared, _) in options_of(schema).items():
        texts = _texts(name, declared, settings)
        read = {key: _value(declared, setting) for key, setting in texts.items()}
        values.update({name: read} if declared.many else read)
        if declared.required and not read:
            problems.append(heading.problem(f"{name} is not set", f"add {name} = ... ({declared.doc.rstrip('.')})"))
    if problems:
        return Checked(None, tuple(problems))
    try:
        return Checked(schema(**values))
    except Exception as error:  # noqa: BLE001 - a plugin's schema may check its values, and raise what it likes
        return Checked(None, (heading.problem(str(error) or type(error).__name__, "mend the options of this section"),))


def misread(schema: type[Any], settings: Mapping[str, Setting]) -> Iterator[Problem]:
    """The settings of a schema's options that cannot be read."""
    for name, (declared, _) in options_of(schema).items():
        for setting in _texts(name, declared, settings).values():
            value = _value(declared, setting)
            if isinstance(value, Problem):
                yield value


def _texts(name: str, declared: Option, settings: Mapping[str, Setting]) -> dict[str, Setting]:
    if not declared.many:
        return {name: settings[name]} if name in settings else {}
    start = f"{name}_"
    return {full[len(start) :]: setting for full, setting in settings.items() if full.startswith(start)}


def _value(declared: Option, setting: Setting) -> Any:
    """The value that the setting's text stands for, or the problem with it."""
    try:
        return declared.read(setting.value)
    except OptionValueError as error:
        what, mend = error.what, error.mend
    except Exception as error:  # noqa: BLE001 - a plugin's reader may raise what it likes
        what, mend = f"it cannot be read: {error}", ""
    if declared.secret:
        what, mend = "its value cannot be used (it is secret, so it is not shown)", ""
    elif "\n" in setting.value:
        mend = "lines that begin with white space belong to this value: begin each option in the first column"
    return setting.problem(what, mend or f"it is for: {declared.doc}")
