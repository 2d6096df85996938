"""``vac contextualise``: a machinetype's context, for somebody else's cloud, engine or volunteers' computers."""

from __future__ import annotations

import os
import secrets
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import attrs
import click

from vac_core.cli.display import say, show_table
from vac_core.cli.invocation import Invocation, examples, pass_invocation
from vac_core.cli.trouble import Trouble

if TYPE_CHECKING:
    from vac_core.config.schema import MachineType, Settings
    from vac_core.context.export import Way
    from vac_core.interfaces import Context, ContextRequest
    from vac_core.model import Machine

WAYS: Final = ("nocloud", "configdrive", "openstack", "ec2", "cernvm", "docker", "boinc")


@click.command(
    epilog=examples(
        "vac contextualise lhcb --for openstack > user-data",
        "vac contextualise lhcb --for nocloud --output ./seed --with-secrets",
        "vac contextualise lhcb --for boinc --explain",
    )
)
@click.argument("machinetype")
@click.option("--for", "way_name", required=True, type=click.Choice(WAYS), help="Who is to read it.")
@click.option(
    "--output", "-o", type=click.Path(file_okay=False, path_type=Path), help="Write all files into this directory."
)
@click.option(
    "--with-secrets", is_flag=True, help="With what machines prove themselves with; it is left out otherwise."
)
@click.option("--explain", is_flag=True, help="Only tell where each part comes from.")
@pass_invocation
def contextualise(
    invocation: Invocation, machinetype: str, way_name: str, output: Path | None, with_secrets: bool, explain: bool
) -> None:
    """Render the context that machines of a type are given.

    The same context starts the same work elsewhere: on a cloud, as a container of any engine, or on volunteers'
    computers. Without --output only the user data is printed. Files are written for your eyes only.
    """
    from vac_core.context import export

    of_type = _machinetype(invocation, machinetype)
    way = export.WAYS[way_name]
    context = _context(invocation, of_type, way, with_secrets)
    try:
        files = export.exported(context, way)
    except ValueError as error:
        raise Trouble(f"machinetype {machinetype}, for {way_name}: {error}") from error
    if explain:
        show_table(("PART", "OCTETS", "FROM"), _explained(of_type, context, files), right=["OCTETS"])
    elif output is None:
        click.echo(files.get("user-data", files.get("user_data", (b"", 0)))[0], nl=False)
    else:
        _write(output, files)
        say(f"{len(files)} files in {output}: {way.use}")


def _machinetype(invocation: Invocation, name: str) -> MachineType:
    site = invocation.site
    if name in site.disabled:
        raise Trouble(f"machinetype {name} is disabled: {site.disabled[name]}")
    if name not in site.machinetypes:
        known = ", ".join(sorted(site.machinetypes)) or "none"
        raise Trouble(f"the site has no machinetype '{name}': there are: {known}")
    return site.machinetypes[name]


def _context(invocation: Invocation, of_type: MachineType, way: Way, with_secrets: bool) -> Context:
    from vac_core.cli.doctor_plugins import home_of

    registry, name = invocation.registry, of_type.contextualiser
    contextualiser = registry.contextualisers.get(name)
    if contextualiser is None:
        raise Trouble(f"no plugin provides the contextualiser '{name}': install its plugin")
    with tempfile.TemporaryDirectory(prefix="vac-contextualise-") as directory:
        contextualiser.start(home_of(Path(directory), invocation.site, registry.owner("contextualiser", name)))
        try:
            made = contextualiser.context(_request(of_type, invocation.site.settings, way, with_secrets))
        finally:
            contextualiser.stop()
    said = {variable: text for variable, text in made.environment.items() if text}  # elsewhere nothing is served
    return attrs.evolve(made, environment=said)


def _request(of_type: MachineType, settings: Settings, way: Way, with_secrets: bool) -> ContextRequest:
    """A request for a machine that no factory makes; one of many has no name, and finds out itself who it is."""
    from vac_core.context.features import features
    from vac_core.factory.fetching import fetch_for
    from vac_core.interfaces import ContextRequest, Urls

    now, processors = time.time(), of_type.min_processors
    machine = _machine(of_type, now, nameless=way.for_many)
    inside = Urls(
        machinefeatures="/etc/machinefeatures", jobfeatures="/etc/jobfeatures", joboutputs="/var/spool/joboutputs"
    )
    return ContextRequest(
        machine=machine,
        machinetype=of_type,
        settings=settings,
        features=features(machine, of_type, settings, host_processors=processors, host_hs06=None, now=now),
        urls=Urls(machinefeatures="", jobfeatures="", joboutputs="") if way.delivery else inside,
        fetch=lambda url: fetch_for(url, settings),
        with_secrets=with_secrets,
    )


def _machine(of_type: MachineType, now: float, *, nameless: bool) -> Machine:
    from vac_core.model import Machine

    return Machine(
        id="" if nameless else str(uuid.uuid4()),
        name="" if nameless else f"{of_type.name}-{secrets.token_hex(4)}",
        slot=0,
        machinetype=of_type.name,
        machine_model=of_type.machine_model,
        hypervisor="",
        processors=of_type.min_processors,
        created=now,
        shutdown_time=now + of_type.max_wallclock_seconds,
        fqan=of_type.accounting_fqan,
    )


def _explained(
    of_type: MachineType, context: Context, files: Mapping[str, tuple[bytes, int]]
) -> Iterator[tuple[object, ...]]:
    published = f"vacuum pipe {of_type.pipe}" if of_type.pipe else "the site's files"
    source = f"contextualiser {of_type.contextualiser}, machinetype {of_type.name} of {published}"
    for name, text in sorted(context.details.items()):
        source += f"; {name} {text}"
    brought = {f"files{file.path}" for file in context.files}
    for path, (content, _) in sorted(files.items()):
        if path.startswith(("machinefeatures/", "jobfeatures/")):
            yield path, len(content), "Machine/Job Features, worked out now"
        elif path in brought or path.rpartition("/")[2] in {"user-data", "user_data"}:
            yield path, len(content), source
        else:
            yield path, len(content), "made from the context for its reader"


def _write(output: Path, files: Mapping[str, tuple[bytes, int]]) -> None:
    try:
        output.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, (content, mode) in files.items():
            target = output / path
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
                file.write(content)
    except OSError as error:
        raise Trouble(f"{error.filename} cannot be written: {error.strerror}") from error
