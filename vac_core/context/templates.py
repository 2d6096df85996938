"""Templates of user_data: ``##user_data_XXX##`` patterns and what replaces them (HSF-TN-2016-04, section 5.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vac_core import __version__
from vac_core.config.schema import MachineType, Settings
from vac_core.interfaces import ContextRequest

_PATTERN: Final = re.compile(rb"##user_data_([a-z0-9_,]*)##")
_WEB: Final = ("https://", "http://")


def substitute(template: bytes, values: Mapping[str, str]) -> bytes:
    """Replace each ``##user_data_NAME##`` by the value of NAME, or by nothing where there is none.

    One pass: what a value brings in is never looked at again, so that no value can reach another. The template may be
    of any bytes; values that stand for bytes that are not UTF-8 hold them as Python's ``surrogateescape`` does.
    """

    def value(match: re.Match[bytes]) -> bytes:
        return values.get(match[1].decode("ascii"), "").encode("utf-8", "surrogateescape")

    return _PATTERN.sub(value, template)


def values_for(request: ContextRequest, *, factory: str = "", files: Mapping[str, str] | None = None) -> dict[str, str]:
    """All values that a machine's template may name.

    ``factory`` is the name of the machine's factory; ``files`` holds the contents of the request's ``user_data_file``
    options, by their XXX (`option_files` says which). The spellings of HSF-TN-2016-04 (``manager_joboutputs_url``), of
    Vac 3 and Vcycle (``joboutputs_url``), and the deprecated ones of Vac 1 (``vmtype``) all work.
    """
    machine, machinetype, settings = request.machine, request.machinetype, request.settings
    values = {
        "space": settings.vac_space,
        "site": settings.gocdb_sitename or settings.vac_space,
        "uuid": machine.id,
        "machinetype": machinetype.name,
        "machine_hostname": machine.name,
        "manager_version": f"Vac {__version__}",
        "manager_hostname": factory or settings.factory_name or "",
        "url": _web_only(machinetype.user_data),
        "root_image_url": _web_only(machinetype.root_image),
    }
    values |= {new: values[old] for new, old in _DEPRECATED.items()}
    values |= _feature_urls(request)
    texts = dict(files or {}) | option_texts(machinetype, settings)
    values |= {f"file_{name}": text for name, text in (files or {}).items()}
    return values | {f"option_{name}": text for name, text in texts.items()}


_DEPRECATED: Final = {
    "vmtype": "machinetype",
    "vm_hostname": "machine_hostname",
    "vmlm_version": "manager_version",
    "vmlm_hostname": "manager_hostname",
}


def option_texts(machinetype: MachineType, settings: Settings) -> dict[str, str]:
    """The ``user_data_option_XXX`` in force, by XXX: the machinetype's own before those of [settings]."""
    common = {k: v for k, v in settings.user_data_option.items() if k not in machinetype.user_data_file}
    return common | dict(machinetype.user_data_option)


def option_files(machinetype: MachineType, settings: Settings) -> dict[str, str]:
    """The ``user_data_file_XXX`` in force, by XXX, as the site files name them.

    An option of the same XXX in the same section goes before a file, and the machinetype's before those of [settings].
    """
    texts = option_texts(machinetype, settings)
    named = dict(settings.user_data_file) | dict(machinetype.user_data_file)
    return {name: path for name, path in named.items() if name not in texts}


def _feature_urls(request: ContextRequest) -> dict[str, str]:
    urls = {
        "machinefeatures_url": request.urls.machinefeatures,
        "jobfeatures_url": request.urls.jobfeatures,
        "joboutputs_url": request.urls.joboutputs,
    }
    return urls | {f"manager_{name}": url for name, url in urls.items()}


def _web_only(address: str | None) -> str:
    return address if address is not None and address.startswith(_WEB) else ""
