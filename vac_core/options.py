"""How one option of a site file is declared: an attrs field that knows how it is read, documented and limited.

A schema is an attrs class whose fields are made with `option`. From the same declaration come validation, defaults,
`vac config show`, `vac config check` and the reference page of the documentation. A plugin declares its own options
in the same way and returns them from the hook `vac_options`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

METADATA_KEY = "vac_option"


class OptionValueError(ValueError):
    """The text of an option cannot be read. The message says what is wrong and the mend, not where it stands."""

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(f"{what}: {mend}" if mend else what)
        self.what = what
        self.mend = mend


@attrs.frozen
class Option:
    """What the reader of site files, the checker and the documentation know of one option.

    ``read`` turns the option's text into its value, or raises `OptionValueError`. ``deprecated`` lists old names that
    are accepted with a warning. ``pipe`` says whether a vacuum pipe may set it. ``secret`` values are never shown.
    ``many`` marks a family of options: a field ``user_data_option`` with ``many=True`` collects every
    ``user_data_option_XXX`` into a mapping from XXX to its value.
    """

    doc: str
    read: Callable[[str], Any]
    unit: str = ""
    deprecated: tuple[str, ...] = ()
    pipe: bool = False
    secret: bool = False
    many: bool = False
    required: bool = False


def option(
    doc: str,
    read: Callable[[str], Any],
    default: Any = attrs.NOTHING,
    **about: Any,
) -> Any:
    """Declare one option of a schema.

    Without ``default`` the option is required. ``about`` takes the further fields of `Option`.
    """
    if about.get("many"):
        default = attrs.Factory(dict)
    described = Option(doc=doc, read=read, required=default is attrs.NOTHING, **about)
    return attrs.field(default=default, kw_only=True, metadata={METADATA_KEY: described}, repr=not described.secret)


def options_of(schema: type[Any]) -> dict[str, tuple[Option, Any]]:
    """Each option of a schema by name, with its default (`attrs.NOTHING` where it is required)."""
    return {
        field.name: (field.metadata[METADATA_KEY], field.default)
        for field in attrs.fields(schema)
        if METADATA_KEY in field.metadata
    }
