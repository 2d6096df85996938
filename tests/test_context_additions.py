"""What the site adds to a context: beside the VO's text, never in it."""

from __future__ import annotations

import email
import gzip
import json
import os
import stat
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.additions import PROFILE, joined, vendor_data
from vac_core.context.user_data_format import Format, UserDataError, recognise
from vac_core.interfaces import Context, ContextFile

ENVIRONMENT = {"MACHINEFEATURES": "http://169.254.169.254/machinefeatures", "JOBFEATURES": "http://h/j'\"$(x)\\ y"}
KEYS = ("ssh-ed25519 AAAA one",)


def context(**changes):
    return Context(machine_id="m", hostname="wn01-00.example.org", **{"environment": ENVIRONMENT, **changes})


def parts(message):
    walked = email.message_from_bytes(message).walk()
    return [(part.get_content_type(), part.get_payload(decode=True)) for part in walked if not part.is_multipart()]


def run_boothook(message, root):
    """Run the boothook as a guest would, its profile below another root; systemctl notes what it is asked."""
    [script] = [body for kind, body in parts(message) if kind == Format.BOOTHOOK.value]
    sign, _, program = script.partition(b"\n")
    assert sign == b"#cloud-boothook"
    asked, tools = root / "asked", root / "tools"
    tools.mkdir()
    (tools / "systemctl").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >{asked}\n')
    (tools / "systemctl").chmod(0o755)
    path = root / "hook"
    path.write_bytes(program.replace(f" {PROFILE} ".encode(), f" {root}{PROFILE} ".encode()))
    path.chmod(0o700)
    subprocess.run([path], check=True, env={"PATH": f"{tools}:{os.environ['PATH']}"}, timeout=60)
    return asked


def test_the_environment_reaches_login_shells_and_services(tmp_path):
    asked = run_boothook(vendor_data(context()), tmp_path)
    assert asked.read_text().splitlines() == ["set-environment", *("=".join(one) for one in ENVIRONMENT.items())]
    profile = tmp_path / PROFILE.lstrip("/")
    shown = subprocess.run(
        ["/bin/sh", "-c", f'. {profile}; printf "%s\\n" "$MACHINEFEATURES" "$JOBFEATURES"'],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout.splitlines() == list(ENVIRONMENT.values())
    assert stat.S_IMODE(profile.stat().st_mode) == 0o644


def test_files_are_put_in_place_with_their_modes_also_the_second_time(tmp_path):
    placed, empty = tmp_path / "vo/a b'c.pem", tmp_path / "empty"
    secret = ContextFile(path=str(placed), content=os.urandom(5000), mode=0o400)
    message = vendor_data(context(files=(secret, ContextFile(path=str(empty), content=b""))))
    run_boothook(message, tmp_path)
    assert placed.read_bytes() == secret.content
    assert stat.S_IMODE(placed.stat().st_mode) == 0o400
    assert empty.read_bytes() == b""
    subprocess.run(
        [tmp_path / "hook"], check=True, env={"PATH": f"{tmp_path / 'tools'}:{os.environ['PATH']}"}, timeout=60
    )
    assert placed.read_bytes() == secret.content
    assert [path.name for path in placed.parent.iterdir()] == ["a b'c.pem"]


def test_root_may_log_in_with_the_site_s_key_unless_the_vo_says_otherwise():
    kinds = dict(parts(vendor_data(context(public_keys=KEYS))))
    config = kinds[Format.CLOUD_CONFIG.value]
    assert json.loads(config.partition(b"\n")[2]) == {"disable_root": False}
    assert Format.CLOUD_CONFIG.value not in dict(parts(vendor_data(context())))


def test_where_nothing_is_added_there_is_nothing():
    one = context(environment={}, user_data=b"anything")
    assert vendor_data(one) == b""
    assert joined(one) == b"anything"


def test_a_name_that_no_shell_takes_is_left_out():
    assert vendor_data(context(environment={"a b": "x", "1": "y"})) == b""


@pytest.mark.parametrize(
    "user_data",
    [b"#!/bin/sh\necho \xff\n", b"#cloud-config\nruncmd: [ls]\n", b"#include\nhttps://example.org/x\n", b"other"],
)
def test_the_vo_s_text_comes_first_and_unchanged(user_data):
    found = parts(joined(context(user_data=user_data)))
    assert found[0][1] == user_data
    assert found[0][0] == (recognise(user_data).format.value if user_data != b"other" else "text/plain")
    assert [kind for kind, _ in found[1:]] == [Format.BOOTHOOK.value]


def test_user_data_that_is_mime_keeps_its_parts():
    own = vendor_data(context(files=(ContextFile(path="/x", content=b"y"),), public_keys=KEYS))
    found = parts(joined(context(user_data=own)))
    assert found[:2] == parts(own)
    assert len(found) == 3


def test_user_data_that_is_compressed_is_unpacked_to_be_joined():
    assert parts(joined(context(user_data=gzip.compress(b"#!/bin/sh\n"))))[0] == ("text/x-shellscript", b"#!/bin/sh\n")
    with pytest.raises(UserDataError, match="cut short"):
        joined(context(user_data=gzip.compress(b"#!/bin/sh\n" * 99)[:-9]))


def test_with_no_user_data_there_are_the_additions_alone():
    assert [kind for kind, _ in parts(joined(context()))] == [Format.BOOTHOOK.value]


@given(st.binary(), st.dictionaries(st.text(), st.text()))
def test_whatever_the_vo_sends_is_there_whole(user_data, environment):
    one = context(user_data=user_data, environment={**environment, "A": "b"})
    try:
        body = recognise(user_data).body
    except UserDataError:
        return
    if recognise(user_data).format in {Format.MIME, Format.EMPTY}:
        return
    assert parts(joined(one))[0][1] == body
    assert joined(one) == joined(one)
