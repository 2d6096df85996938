"""``vac top``: the space, live, from this host's factory and what the others say over VacQuery."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from vac_core.cli.asking import ask, peers_to_ask
from vac_core.cli.client import Control, NotRunning
from vac_core.cli.display import clean, console, show_json
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.space import factories_of, machines_of
from vac_core.cli.times import Seconds
from vac_core.cli.told import told_frames, told_totals
from vac_core.cli.trouble import Trouble
from vac_core.factory.state_dir import StateDir

if TYPE_CHECKING:
    from rich.console import RenderableType

    from vac_core.cli.top import Frame

_ASK_SECONDS: Final = 1.0


@click.command(
    epilog=examples("vac top", "vac top --interval 5", "vac top --once", "vac top --also ./other-factory/state")
)
@click.option("--interval", type=Seconds(0.1, 3600.0), default=2.0, show_default=True, help="Seconds a frame.")
@click.option("--once", is_flag=True, help="Draw once and end; so it is too where there is no terminal.")
@click.option(
    "--also",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="State directory of another factory on this host; may be given again.",
)
@click.option("--json", "-J", "as_json", is_flag=True, help="Print the frames once, as JSON.")
@pass_invocation
def top(invocation: Invocation, interval: float, once: bool, also: tuple[Path, ...], as_json: bool) -> None:
    """Watch the space.

    It draws shares against targets, the slots of each factory, and why what is next is next.
    Where no factory runs here, it is what the others of the site files tell, without their reasons.
    In SLOTS each processor is a mark: # runs, o starts, = is paused, x stops, - is free.
    """
    if as_json:
        show_json(_frames(invocation, also))
        return
    from rich.live import Live

    from vac_core.cli.top import render

    screen = console()
    if once or not screen.is_terminal:
        screen.print(render(_frames(invocation, also)))
        return
    with (
        contextlib.suppress(KeyboardInterrupt),
        Live(render(_frames(invocation, also)), console=screen, screen=True, auto_refresh=False) as live,
    ):
        while True:
            live.refresh()
            time.sleep(interval)
            live.update(_drawn(invocation, also))


def _drawn(invocation: Invocation, also: Iterable[Path]) -> RenderableType:
    """The picture, or what is in its way: a factory that is started again comes back into view."""
    from rich.text import Text

    from vac_core.cli.top import render

    try:
        return render(_frames(invocation, also))
    except Trouble as trouble:
        return Text(clean(trouble.format_message()), style="bold red")


def _frames(invocation: Invocation, also: Iterable[Path]) -> list[Frame]:
    """A frame for each factory: whole ones of those on this host, and what VacQuery tells of the others.

    Where no factory runs here the others' are all there is; raises `Trouble` where nobody answers at all.
    """
    whole: list[Frame] = [Control(StateDir(path).control_socket).get("/status") for path in also]
    alone: NotRunning | None = None
    try:
        whole.insert(0, invocation.control.get("/status"))
    except NotRunning as none_here:
        alone = none_here
    frames = whole + _told(invocation, {frame["factory"] for frame in whole})
    if alone is not None and not frames:
        raise alone
    return frames


def _told(invocation: Invocation, known: set[str]) -> list[Frame]:
    """Frames of those that are not known yet; what they run is added up where nobody else has the space's totals."""
    site = invocation.loaded.site
    names = [peer.name for peer in peers_to_ask(site.settings) if peer.name not in known] if site is not None else []
    if site is None or not names:
        return []
    asked = {kind: ask(invocation, kind, names, timeout=_ASK_SECONDS) for kind in ("factory", "machines")}
    frames = told_frames(factories_of(asked["factory"]), machines_of(asked["machines"]))
    if known or not frames:
        return frames
    silent = {"silent": list(asked["factory"].silent)}
    return [{**frames[0], "totals": told_totals(frames, site.machinetypes), "peers": silent}, *frames[1:]]
