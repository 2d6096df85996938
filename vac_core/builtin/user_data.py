"""The contextualiser ``user_data``: a template that the VO publishes or the site keeps, with its patterns filled in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import attrs

from vac_core.builtin.site_files import SiteFileError, read_site_file, see_site_file, site_path
from vac_core.config.schema import MachineType
from vac_core.context.templates import option_files, substitute, values_for
from vac_core.hookspecs import hookimpl
from vac_core.interfaces import Context, ContextRequest, Contextualiser, Home, MachineTypeError, PluginError

_MIB: Final = 1048576
_WEB: Final = ("https://", "http://")
_KEY_KINDS: Final = ("ssh-", "ecdsa-", "sk-")
_KEYS_MAX: Final = 65536


class UserData(Contextualiser):
    """Makes contexts from templates of user_data (HSF-TN-2016-04, section 5.2)."""

    name = "user_data"

    def __init__(self) -> None:
        self._factory = ""

    def start(self, home: Home) -> None:
        """Take note of the factory's name, which templates may ask for."""
        self._factory = home.factory

    def check(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype's ``user_data`` options; no URL is fetched."""
        problems = [_missing(machinetype)] if machinetype.user_data is None else []
        if machinetype.user_data_proxy is not None:
            problems += self.proxy_problems(machinetype)
        return problems + [
            f"{option}: {path}" for option, path in _files(machinetype) if isinstance(path, SiteFileError)
        ]

    def proxy_problems(self, machinetype: MachineType) -> Sequence[str]:
        """What is wrong with a machinetype's ``user_data_proxy``; for a contextualiser that makes proxies to say."""
        del machinetype
        what = "the contextualiser user_data makes no X.509 proxies"
        return [f"user_data_proxy: {what}: install vac-grid and set contextualiser = grid, or remove the option"]

    def own_values(self, request: ContextRequest) -> Mapping[str, str]:
        """Further values that templates may name, for contextualisers that are built on this one."""
        del request
        return {}

    def missing(self, machinetype: MachineType) -> Sequence[str]:
        """The machinetype's files that are not there, or cannot be read by this user."""
        return [
            f"{option}: {trouble}"
            for option, path in _files(machinetype)
            if isinstance(path, Path) and (trouble := _trouble(path))
        ]

    def context(self, request: ContextRequest) -> Context:
        """Get the template and fill it in.

        Raises `MachineTypeError` where options are missing or wrong, `PluginError` where a URL or file cannot be read.
        """
        template = _template(request)
        values = values_for(request, factory=self._factory, files=_option_contents(request))
        if request.with_secrets:
            values |= self.own_values(request)
        return request.answer(
            substitute(template, values),
            metadata=metadata(request),
            public_keys=public_keys(Path(request.settings.root_public_key)),
            environment=request.urls.variables,
            details={"user_data_template_sha256": hashlib.sha256(template).hexdigest()},
        )


@hookimpl
def vac_contextualisers() -> Iterable[Contextualiser]:
    """Offer the contextualiser that all machinetypes use unless told otherwise."""
    return [UserData()]


def metadata(request: ContextRequest) -> dict[str, str]:
    """What a machine's metadata say of where it finds the rest, as Vac 3 has it."""
    return {**attrs.asdict(request.urls), "machinetype": request.machinetype.name}


def public_keys(path: Path) -> tuple[str, ...]:
    """The ssh keys in a file of public keys; none if it cannot be read. Other lines, such as a private key's, stay."""
    try:
        with path.open("rb") as file:
            lines = file.read(_KEYS_MAX).decode("ascii", "ignore").splitlines()
    except OSError:
        return ()
    return tuple(line.strip() for line in lines if line.startswith(_KEY_KINDS))


def _is_file(user_data: str | None) -> bool:
    return user_data is not None and not user_data.startswith(_WEB)


def _missing(machinetype: MachineType) -> str:
    return f"machinetype {machinetype.name} has no user_data: set user_data to a URL, or to a file of the machinetype"


def _files(machinetype: MachineType) -> Iterator[tuple[str, Path | SiteFileError]]:
    """The options that name files, each with where that is, or why that cannot be."""
    named = [("user_data", machinetype.user_data or "")] if _is_file(machinetype.user_data) else []
    named += [(f"user_data_file_{name}", path) for name, path in machinetype.user_data_file.items()]
    for option, path in named:
        try:
            yield option, site_path(machinetype, path)
        except SiteFileError as error:
            yield option, error


def _trouble(path: Path) -> str:
    try:
        see_site_file(path)
    except SiteFileError as error:
        return str(error)
    return ""


def _template(request: ContextRequest) -> bytes:
    machinetype = request.machinetype
    if machinetype.user_data is None:
        raise MachineTypeError(_missing(machinetype))
    if not _is_file(machinetype.user_data):
        return request.fetch(machinetype.user_data)
    return _read(request, "user_data", machinetype.user_data)


def _option_contents(request: ContextRequest) -> dict[str, str]:
    named = option_files(request.machinetype, request.settings) if request.with_secrets else {}
    contents = {name: _read(request, f"user_data_file_{name}", path) for name, path in named.items()}
    return {name: content.decode("utf-8", "surrogateescape") for name, content in contents.items()}


def _read(request: ContextRequest, option: str, named: str) -> bytes:
    machinetype = request.machinetype
    where = f"machinetype {machinetype.name}, {option}"
    try:
        path = site_path(machinetype, named)
    except SiteFileError as error:
        raise MachineTypeError(f"{where}: {error}") from error
    try:
        return read_site_file(path, request.settings.fetch_max_mb * _MIB)
    except SiteFileError as error:  # not the machinetype's fault for good: the file may yet be put there
        raise PluginError(f"{where}: {error}") from error
