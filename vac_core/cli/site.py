"""``vac config``: the site files, checked, shown, and read again."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import click

from vac_core.cli.display import say, show_json
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.config.problems import Problem, Severity
from vac_core.config.schema import Settings
from vac_core.interfaces import PluginError

_json_option = click.option("--json", "-J", "as_json", is_flag=True, help="Print JSON.")


@click.group("config", epilog=examples("vac config check", "vac config show", "vac config reload"))
def config() -> None:
    """Check, show and re-read the site files."""


@config.command(epilog=examples("vac config check", "vac --config ./site.conf config check --json"))
@_json_option
@pass_invocation
@click.pass_context
def check(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """Tell all that is wrong with the site files: where, what and the mend; exits with 1 if there is an error."""
    problems = (*invocation.loaded.problems, *foreseen(invocation))
    errors = sum(problem.is_error for problem in problems)
    if as_json:
        import attrs

        show_json([attrs.asdict(problem) | {"severity": str(problem.severity)} for problem in problems])
    else:
        for problem in problems:
            say(f"{problem.severity}: {problem}")
        read = ", ".join(str(path) for path in invocation.sources) or "no site file"
        say(f"{read}: {_counted(errors, 'error')}, {_counted(len(problems) - errors, 'warning')}")
    ctx.exit(int(errors > 0))


def foreseen(invocation: Invocation) -> Iterator[Problem]:
    """What is wrong with what the files name: plugins, the space's key, and machinetypes as the plugins see them."""
    from vac_core.cli.prospects import prospect
    from vac_core.config.places import placed

    for record in invocation.registry.failed:
        mend = "mend, uninstall or block it: what it lacks cannot be used or configured"
        yield Problem(severity=Severity.WARNING, what=f"plugin {record.name}: {record.error}", mend=mend)
    site = invocation.loaded.site
    if site is None:
        return
    yield from _unknown(invocation, site.settings)
    for machinetype in site.machinetypes.values():
        found = prospect(machinetype, invocation.registry)
        for what in found.faults:
            yield placed(what, machinetype, invocation.sources, Severity.ERROR)
        for what in found.missing:
            yield placed(what, machinetype, invocation.sources, Severity.WARNING)


def _unknown(invocation: Invocation, settings: Settings) -> Iterator[Problem]:
    """Names in [settings] that stand for nothing here; each is a warning, for what they name may yet come."""
    from vac_core.factory.endpoint.key import read_key

    about = functools.partial(Problem, severity=Severity.WARNING, section="settings")
    registry, blocked = invocation.registry, set(settings.block_plugins)
    for option, names, offered in (
        ("policies", settings.policies, registry.policies),
        ("peer_finders", settings.peer_finders, registry.peer_finders),
    ):
        known = ", ".join(sorted(offered)) or "none"
        for name in names:
            if name not in offered:
                yield about(option=option, what=f"no plugin provides '{name}'", mend=f"there are: {known}")
    for name in blocked.intersection(invocation.blocked_in_vain):
        yield about(option="block_plugins", what=f"no plugin '{name}' is installed", mend="mend its name, or remove it")
    try:
        read_key(settings.vacquery_key_file)
    except PluginError as error:
        yield about(what=str(error))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


@config.command(epilog=examples("vac config show", "vac config show --json"))
@_json_option
@pass_invocation
@click.pass_context
def show(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """Show every option as it is in force, defaults among them; secrets are masked."""
    from vac_core.config import show as showing

    site, problems = invocation.loaded.site, invocation.loaded.problems
    if as_json:
        show_json(showing.as_json(site, problems))
    else:
        click.echo(showing.show(site, problems))
    ctx.exit(int(any(problem.is_error for problem in problems)))


@config.command(epilog=examples("vac config reload"))
@_json_option
@pass_invocation
@click.pass_context
def reload(ctx: click.Context, invocation: Invocation, as_json: bool) -> None:
    """Have the running factory read its files and pipes now; it does so by itself when they change.

    Exits with 1 where they are broken, so that the factory keeps to what it last read.
    """
    answer = invocation.control.post("/reload")
    if as_json:
        show_json(answer)
    else:
        for problem in answer["problems"]:
            say(problem)
        stale = "the files are broken: the factory keeps to what it last read"
        say(stale if answer["stale"] else "the factory has read its files")
    ctx.exit(int(answer["stale"]))
