"""Which options a kind of section takes, what their old names mean now, and what a misspelt one may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Protocol

import attrs

from vac_core.options import Option, options_of

FAMILY_KEY: Final = re.compile(r"[a-z0-9_]+")
"""What may stand for XXX in a family of options such as user_data_option_XXX."""


class DeclaredOptions(Protocol):
    """Options that a plugin declared: `vac_core.interfaces.OptionSet`, of which only this much is needed here."""

    @property
    def name(self) -> str:
        """The plugin's name for them."""

    @property
    def section(self) -> str:
        """``plugin`` or ``machinetype``."""

    @property
    def schema(self) -> type[Any]:
        """An attrs class of options."""


@attrs.frozen
class Meaning:
    """What the name of an option means."""

    option: str
    """Its name of today; of a family, with what stands for XXX."""
    declared: Option
    deprecated: bool = False


class Vocabulary:
    """All options that one kind of section takes: the core's, and those that plugins declared."""

    def __init__(self, schemas: Iterable[type[Any]]) -> None:
        self._names: dict[str, Meaning] = {}
        self._families: dict[str, Option] = {}
        for schema in schemas:
            for name, (declared, _) in options_of(schema).items():
                if declared.many:
                    self._families[name] = declared
                else:
                    self._names[name] = Meaning(name, declared)
        for meaning in list(self._names.values()):
            for old in meaning.declared.deprecated:
                self._names.setdefault(old, Meaning(meaning.option, meaning.declared, deprecated=True))

    @property
    def words(self) -> Iterator[str]:
        """All that it has a meaning for: names of today, old ones, and one of each family, which ends with ``xxx``."""
        yield from self._names
        yield from (f"{family}_xxx" for family in self._families)

    def meaning(self, name: str) -> Meaning | None:
        """What a name means, or None for an unknown one."""
        if name in self._names:
            return self._names[name]
        for family, declared in self._families.items():
            if name.startswith(f"{family}_") and FAMILY_KEY.fullmatch(name[len(family) + 1 :]):
                return Meaning(name, declared)
        return None

    def nearest(self, name: str) -> str | None:
        """The known name of today that is most like an unknown one, if any is."""
        known = [*self._names, *(f"{family}_XXX" for family in self._families)]
        found = difflib.get_close_matches(name[:100], known, n=1)
        if not found:
            return None
        return self._names[found[0]].option if found[0] in self._names else found[0]


def in_both(one: type[Any], other: type[Any]) -> list[str]:
    """Options to which each of two schemas would give a meaning, old names and families among them."""
    mine, theirs = Vocabulary([one]), Vocabulary([other])
    return sorted({*filter(theirs.meaning, mine.words), *filter(mine.meaning, theirs.words)})


RETIRED: Final[Mapping[str, Mapping[str, str]]] = {
    "settings": {
        "domain_type": "remove the line: each machinetype's machine_model decides this",
        "delete_old_files": "remove the line: files of finished machines are kept for machines_dir_days",
        "mb_per_machine": "set mb_per_processor: Vac 3 did not read this option either",
    }
}
"""Options of older Vacs that are accepted and change nothing, by kind of section, each with the mend."""
