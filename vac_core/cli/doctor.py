"""``vac doctor``: look at all that a factory needs, and say how to mend what is wrong."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Final

import attrs
import click

from vac_core.cli import doctor_host, doctor_peers, doctor_plugins
from vac_core.cli.asking import ask, own_name, peers_to_ask
from vac_core.cli.client import NotRunning
from vac_core.cli.display import at_work, say, show_json, show_table
from vac_core.cli.findings import Finding, Verdict, ok, problem, warning
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.prospects import prospects
from vac_core.cli.space import factories_of
from vac_core.cli.trouble import Trouble
from vac_core.interfaces import PluginError

if TYPE_CHECKING:
    from rich.text import Text

_STYLES: Final = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.PROBLEM: "bold red"}
_PEERS_SECONDS: Final = 3.0


@click.command(
    epilog=examples("vac doctor", "vac --config ./site.conf --state-dir ./state doctor", "vac doctor --json")
)
@click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")
@pass_invocation
@click.pass_context
def doctor(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """Look for what is wrong, and say the mend.

    It checks clock, name, ports, disk, peers, state directory, site files, plugins and machinetypes.
    Exits with 1 if there is a problem; warnings alone are no problem. Run it as the factory's user.
    """
    findings: list[Finding] = []
    with at_work("looking at the host") as show:
        for one in _findings(invocation):
            findings.append(one)
            show(f"looked at {one.what}")
    if as_json:
        show_json([attrs.asdict(one) | {"verdict": str(one.verdict)} for one in findings])
    else:
        show_table(("", "WHAT", "FOUND"), [(_mark(one), one.what, one.found) for one in findings])
        for one in findings:
            if one.mend:
                say(f"to mend {one.what}: {one.mend}")
    ctx.exit(int(any(one.verdict is Verdict.PROBLEM for one in findings)))


def _mark(one: Finding) -> Text:
    from rich.text import Text

    return Text(str(one.verdict), style=_STYLES[one.verdict])


def _findings(invocation: Invocation) -> Iterator[Finding]:
    yield from doctor_host.clock()
    yield from doctor_host.state_directory(invocation.state_dir)
    yield from doctor_host.socket_path(invocation.state.control_socket)
    yield from doctor_plugins.loading(invocation.registry)
    yield from doctor_plugins.blocked(invocation.blocked_in_vain, invocation.registry)
    yield from _site_files(invocation)
    if invocation.loaded.site is not None:
        yield from _of_site(invocation)


def _site_files(invocation: Invocation) -> Iterator[Finding]:
    what = "site files"
    for one in invocation.loaded.problems:
        said = f"{one.place}: {one.what}" if one.place else one.what
        mend = one.mend or "see 'vac config check'"
        yield problem(what, said, mend) if one.is_error else warning(what, said, mend)
    if not invocation.loaded.problems:
        yield ok(what, ", ".join(str(path) for path in invocation.sources))


def _of_site(invocation: Invocation) -> Iterator[Finding]:
    site = invocation.site
    running = yield from _running(invocation)
    yield from doctor_host.name(site.settings)
    yield from doctor_host.disk(invocation.state_dir, site.settings)
    yield from doctor_host.ports(site.settings, running=running)
    yield from doctor_plugins.named_by_site(invocation.registry, site)
    found = prospects(site, invocation.registry)
    yield from doctor_plugins.health(invocation.registry, site, found)
    yield from doctor_plugins.machinetypes(site, found)
    yield from _space(invocation, running=running)


def _running(invocation: Invocation) -> Generator[Finding, None, bool]:
    """Whether a factory runs here; what it says is wrong with it is told."""
    try:
        status = invocation.control.get("/status")
    except NotRunning:
        yield ok("factory", "does not run here")
        return False
    except Trouble as trouble:
        yield problem("factory", trouble.format_message(), "look into its log")
        return False
    for name, said in sorted((status.get("troubles") or {}).items()):
        yield problem(f"factory: {name}", str(said), "look into its log")
    if (status.get("config") or {}).get("stale"):
        found = "they are broken, so the factory goes on with those that last were good"
        yield warning("factory: site files", found, "mend what is told of the site files here")
    yield ok("factory", f"runs as process {status['pid']}")
    return True


def _space(invocation: Invocation, *, running: bool) -> Iterator[Finding]:
    settings = invocation.site.settings
    own = own_name(settings)
    names = [peer.name for peer in peers_to_ask(settings) if running or peer.name != own]
    try:
        deadline = min(_PEERS_SECONDS, settings.udp_timeout_seconds)
        replies = ask(invocation, "factory", names, timeout=deadline) if names else None
    except PluginError as error:
        yield problem("peers", str(error), "mend the space's key")
        return
    if replies is None:
        yield ok("peers", "the site lists no other factory")
        return
    yield from doctor_peers.peers(replies, own, settings.vacquery_port)
    yield from doctor_peers.clocks(factories_of(replies), time.time())
