"""``python -m demo``: run it, print what came of it, and leave nothing behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from pathlib import Path
from typing import Final

import attrs
import click
from rich.console import Console

from demo.daemons import DaemonError
from demo.figures import Figures, figures
from demo.report import print_report
from demo.run import Run
from demo.stages import Processes, Stage, StageError
from demo.story import Story
from demo.view import LiveView, PlainView, screenshot

_AROUND_SECONDS: Final = 6.0
"""What starting and ending take of the whole time."""
_INTERRUPTED: Final = 130
_PAPER_COLUMNS: Final = 110
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@attrs.frozen(kw_only=True)
class Wanted:
    """What the command line asks for."""

    seconds: float
    plain: bool
    json: Path | None
    picture: Path
    screenshot: Path | None
    logs: Path
    hypervisor: str


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--seconds", type=click.FloatRange(15.0, 3600.0), default=60.0, show_default=True, help="How long, in all."
)
@click.option("--plain", is_flag=True, help="Lines in place of the live view; so it is too where there is no terminal.")
@click.option("--json", type=click.Path(dir_okay=False, path_type=Path), help="Write the figures here, as JSON.")
@click.option(
    "--picture",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("demo-output/shares.svg"),
    show_default=True,
    help="Where the picture of shares over time goes: .svg or .png.",
)
@click.option("--screenshot", type=click.Path(dir_okay=False, path_type=Path), help="Write the live view here, as SVG.")
@click.option(
    "--logs",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-output"),
    show_default=True,
    help="Where the daemons' logs go.",
)
@click.option(
    "--hypervisor",
    type=click.Choice(["process", "docker"]),
    default="process",
    show_default=True,
    help="What machines are: processes, or containers of the engine at DOCKER_HOST.",
)
def main(**options: object) -> None:
    """Run a space of three factories on this computer, shared between three virtual organisations.

    \b
    Examples:
      python -m demo
      python -m demo --seconds 120 --picture shares.png
      python -m demo --plain --json figures.json
      python -m demo --hypervisor docker

    Ctrl-C ends it at any time and leaves no process behind. The exit code is 0 where all went as it must, 1 where
    something did not, 130 after Ctrl-C.
    """
    sys.exit(asyncio.run(_demo(Wanted(**options))))  # type: ignore[arg-type]


async def _demo(wanted: Wanted) -> int:
    console = Console(highlight=False, width=None if sys.stdout.isatty() else _PAPER_COLUMNS)
    wanted.logs.mkdir(parents=True, exist_ok=True)
    view = PlainView(console) if wanted.plain or not console.is_terminal else LiveView(console)
    try:
        stage = _stage(wanted.hypervisor)
    except StageError as error:
        console.print(f"{error}", style="bold red", soft_wrap=True)
        return 1
    story = Story(seconds=wanted.seconds - _AROUND_SECONDS, slots=stage.slots, least_life=stage.least_life)
    with tempfile.TemporaryDirectory(prefix="vac-demo-") as root, contextlib.closing(stage):
        run = Run(story, Path(root), wanted.logs, view.show, stage)
        play = asyncio.create_task(run.play())
        for number in _SIGNALS:
            asyncio.get_running_loop().add_signal_handler(number, play.cancel)
        console.print("starting three factories and three task queues; Ctrl-C ends everything")
        try:
            with view:
                await play
        except asyncio.CancelledError:
            console.print("interrupted: ending all machines and daemons")
            await run.close()
            return _INTERRUPTED
        except DaemonError as error:
            console.print(f"{error}", style="bold red")
            await run.close()
            return 1
        if wanted.screenshot is not None:
            wanted.screenshot.write_text(screenshot(run))
        console.print("the time is up: ending all machines and daemons")
        return _tell(console, run, figures(run, await run.close()), wanted)


def _stage(hypervisor: str) -> Stage:
    """What machines are to be; raises `StageError`."""
    if hypervisor == "process":
        return Processes()
    from demo.containers import Containers  # noqa: PLC0415 - needs a plugin that not everybody has

    return Containers()


def _tell(console: Console, run: Run, found: Figures, wanted: Wanted) -> int:
    print_report(console, found)
    if wanted.json is not None:
        wanted.json.write_text(json.dumps(found.as_json(), indent=2) + "\n")
    _draw(console, run, found, wanted.picture)
    return 1 if found.problems else 0


def _draw(console: Console, run: Run, found: Figures, path: Path) -> None:
    try:
        from demo.picture import draw  # noqa: PLC0415 - loading matplotlib takes a second, and some do without it

        path.parent.mkdir(parents=True, exist_ok=True)
        draw(run, found, path)
    except ImportError:
        console.print("no picture: it needs matplotlib, which 'pip install .[demo]' brings")
    else:
        console.print(f"the picture of shares over time is in {path}")


if __name__ == "__main__":
    main()
