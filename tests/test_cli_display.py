"""How results look, and what is shown while one waits for them."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

WAITS = "from vac_core.cli.display import at_work\nwith at_work('asking \\x1b[2Jwn01') as show: show('asked wn02')"


def test_what_is_waited_for_is_shown_on_a_terminal_and_cannot_steer_it() -> None:
    leader, follower = pty.openpty()
    subprocess.run([sys.executable, "-c", WAITS], stderr=follower, env={**os.environ, "TERM": "xterm"}, check=True)
    os.close(follower)
    shown = os.read(leader, 65536)
    os.close(leader)
    assert b"asked wn02" in shown
    assert b"\x1b[2J" not in shown


def test_where_there_is_no_terminal_nothing_is_shown() -> None:
    ran = subprocess.run([sys.executable, "-c", WAITS], capture_output=True, check=True)
    assert (ran.stdout, ran.stderr) == (b"", b"")


def test_colours_are_for_terminals_that_want_them() -> None:
    draws = (
        "from vac_core.cli.display import console\nfrom rich.text import Text\nconsole().print(Text('x', style='red'))"
    )
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False)):
        leader, follower = pty.openpty()
        plain = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
        given = {**plain, "TERM": "xterm-256color", **environment}
        subprocess.run([sys.executable, "-c", draws], stdout=follower, env=given, check=True)
        os.close(follower)
        assert (b"\x1b[31m" in os.read(leader, 65536)) == coloured
        os.close(leader)


def test_what_draws_is_loaded_only_when_something_is_drawn() -> None:
    found = "import sys, vac_core.cli.commands; print('rich' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", found], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
