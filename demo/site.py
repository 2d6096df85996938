"""The demo's site files, as an administrator would write them, and the vacuum pipe that one VO publishes."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from demo.stages import Stage
from demo.story import FACTORIES, ORGANISATIONS, SPACE, Organisation, Story

AGENT: Final = Path(__file__).with_name("agent.py")
"""The job agent's template: the user_data of every VO here."""

_TYPE_OPTIONS: Final = {
    "backoff_seconds": 2,
    "fizzle_seconds": 2,
    "heartbeat_file": "heartbeat",
    "heartbeat_seconds": 10,
    "accounting_fqan": "/{vo}/Role=pilot",
}
"""Seconds, where a site has minutes: so that a run of a minute shows a day's worth of a site's life."""

_SETTINGS: Final = """\
[settings]
vac_space = {space}
factories = {peers}
vacquery_port = {port}
vacquery_allow = factories
poll_seconds = 1
pass_seconds = 2
udp_timeout_seconds = 1
total_processors = {slots}
mb_per_processor = 64
hs06_per_processor = 10
min_disk_free_mb = 16
# Three factories share this computer, so none can go by its load.
overload_per_processor = 1000

{plugin}"""


@attrs.frozen(kw_only=True)
class Place:
    """One factory of the demo: its name, its loopback address, and where it keeps what is its own."""

    name: str
    address: str
    root: Path

    @property
    def state_dir(self) -> Path:
        """The factory's state directory."""
        return self.root / self.name.partition(".")[0]

    @property
    def site_file(self) -> Path:
        """What only this factory reads."""
        return self.root / f"{self.name}.conf"


def places(root: Path) -> tuple[Place, ...]:
    """Where the factories are."""
    return tuple(
        Place(name=name, address=f"127.0.1.{number}", root=root) for number, name in enumerate(FACTORIES, start=1)
    )


def write_site(root: Path, url: str, story: Story, stage: Stage) -> Path:
    """Write the site file that all factories share and each one's own; return the shared one."""
    all_places = places(root)
    peers = " ".join(f"{place.name}@{place.address}" for place in all_places)
    port = _free_port([place.address for place in all_places])
    shared = _SETTINGS.format(space=SPACE, peers=peers, port=port, slots=story.slots, plugin=stage.plugin_section)
    sections = [_pipe_section(one, url) if one.by_pipe else _section(one, url, story, stage) for one in ORGANISATIONS]
    (root / "site.conf").write_text("\n".join([shared, *sections]))
    for place in all_places:
        place.site_file.write_text(f"[settings]\nfactory_name = {place.name}\nvacquery_address = {place.address}\n")
    return root / "site.conf"


def _section(organisation: Organisation, url: str, story: Story, stage: Stage) -> str:
    options = {"target_share": organisation.share} | _options(organisation, url, story, stage)
    if organisation.site_keeps_user_data:
        options["user_data"] = str(AGENT)
    lines = [f"{name} = {value}" for name, value in options.items()]
    return "\n".join([f"[machinetype {organisation.machinetype}]", *lines, ""])


def _pipe_section(organisation: Organisation, url: str) -> str:
    return (
        f"[vacuum_pipe {organisation.name}]\n"
        f"target_share = {organisation.share}\n"
        f"vacuum_pipe_url = {url}/{organisation.name}/vacuum.pipe\n"
    )


def pipe_document(organisation: Organisation, url: str, story: Story, stage: Stage) -> Mapping[str, Any]:
    """A vacuum pipe with one machinetype, whose suffix is ``agent``."""
    machinetype = {"suffix": "agent", "target_share": 1} | _options(organisation, url, story, stage)
    return {"cache_seconds": 10, "machinetypes": [machinetype]}


def _options(organisation: Organisation, url: str, story: Story, stage: Stage) -> dict[str, Any]:
    vo = organisation.name
    own = {
        "user_data": f"{url}/{vo}/user_data",
        "user_data_option_queue": f"{url}/{vo}",
        "max_wallclock_seconds": story.wallclock_seconds(organisation),
    }
    usual = {name: value.format(vo=vo) if isinstance(value, str) else value for name, value in _TYPE_OPTIONS.items()}
    return own | usual | dict(stage.options(url=f"{url}/{vo}", by_pipe=organisation.by_pipe))


def _free_port(addresses: list[str]) -> int:
    """A UDP port that is free on all these addresses."""
    while True:
        taken = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in addresses]
        try:
            taken[0].bind((addresses[0], 0))
            port = int(taken[0].getsockname()[1])
            for one, address in zip(taken[1:], addresses[1:], strict=True):
                one.bind((address, port))
        except OSError:
            continue
        else:
            return port
        finally:
            for one in taken:
                one.close()
