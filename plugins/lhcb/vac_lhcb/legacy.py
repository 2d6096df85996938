"""User data of CernVM's time: one document that its boot loader, amiconfig and cloud-init each read their part of."""

from __future__ import annotations

from collections.abc import Mapping
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from importlib import resources
from typing import Final

from vac_core.context.templates import option_texts, substitute, values_for
from vac_core.interfaces import ContextRequest
from vac_lhcb.arguments import HERE, pilot_arguments
from vac_lhcb.credentials import PROXY
from vac_lhcb.options import machine_options
from vac_lhcb.script import inside
from vac_lhcb.settings import ce_name

_BOUNDARY: Final = "===============vac-lhcb=="
_CREDENTIALS: Final = "/scratch/plt/etc/grid-security"
_UCERNVM: Final = (
    "[ucernvm-begin]\nresize_rootfs=off\ncvmfs_http_proxy='##user_data_option_cvmfs_proxy##'\n[ucernvm-end]\n"
)
_CLOUD_CONFIG: Final = (
    "cvmfs:\n  local:\n    CVMFS_REPOSITORIES: grid\n    CVMFS_HTTP_PROXY: ##user_data_option_cvmfs_proxy##\n"
)


def legacy_user_data(request: ContextRequest, secrets: Mapping[str, bytes], factory: str) -> bytes:
    """The whole user data, its patterns filled in."""
    script = resources.files("vac_lhcb").joinpath("legacy.sh").read_text("utf-8")
    whole = MIMEMultipart("mixed", boundary=_BOUNDARY)
    for subtype, text in (("cloud-config", _CLOUD_CONFIG), ("ucernvm", _UCERNVM), ("x-shellscript", script)):
        whole.attach(MIMEText(text, subtype, "us-ascii"))
    return substitute(b"From nobody Sat Jan  1 00:00:00 2000\n" + whole.as_bytes(), _values(request, secrets, factory))


def _values(request: ContextRequest, secrets: Mapping[str, bytes], factory: str) -> dict[str, str]:
    options = machine_options(request.machinetype)
    further = option_texts(request.machinetype, request.settings).get("dirac_opts", "")
    own = {
        "lhcb_arguments": "\n".join([*_arguments(request), *further.split()]),
        "lhcb_ce_type": options.dirac_ce_type or "",
        "lhcb_outcome": inside()["inside/outcome.py"].rstrip(),
        "lhcb_pilot_url": options.dirac_pilot_urls[0] if options.dirac_pilot_urls else "",
        "option_x509_proxy": _text(secrets, PROXY),
        "option_hostcert": _text(secrets, "hostcert.pem"),
        "option_hostkey": _text(secrets, "hostkey.pem"),
    }
    return values_for(request, factory=factory) | {name: text.rstrip("\n") for name, text in own.items()}


def _arguments(request: ContextRequest) -> list[str]:
    options = machine_options(request.machinetype)
    given = [_CREDENTIALS if one == HERE else one for one in pilot_arguments(options, ce_name(request, options))]
    return given if "--cert" in given else [*given, "--cert", "--certLocation", _CREDENTIALS]


def _text(secrets: Mapping[str, bytes], name: str) -> str:
    return secrets.get(name, b"").decode("ascii")
