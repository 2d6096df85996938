"""What is wrong with user data is said before a machine is made that could do nothing with it."""

from __future__ import annotations

import gzip
from email.mime.application import MIMEApplication
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vac_core.context.delivery import DELIVERIES, EC2_USER_DATA_MAX
from vac_core.context.user_data_check import user_data_problems

CLOUD_INIT = sorted(name for name, one in DELIVERIES.items() if one.cloud_init_only)


def problems(user_data, name="nocloud"):
    return list(user_data_problems(user_data, DELIVERIES[name]))


def mime(*parts):
    message = MIMEMultipart()
    for part in parts:
        message.attach(part)
    return message.as_bytes()


GOOD = [
    b"",
    b"#!/bin/sh\ntrue\n",
    b"#! /usr/bin/env python3\n",
    b"#cloud-config\n",
    b"#cloud-config\nruncmd:\n  - [ls, -l]\n",
    b"#cloud-config-archive\n- content: x\n",
    b'#cloud-config-jsonp\n[{"op": "add", "path": "/a", "value": 1}]\n',
    b"#include https://example.org/x\n",
    b"#include\n# the rest\nhttps://example.org/x\n",
    b"#include-once\nhttps://example.org/x\n",
    b"## template: jinja\n#cloud-config\n{% if x %}{{ y }}\n",
    b"#part-handler\nimport x\n",
    b"#cloud-boothook\n#!/bin/sh\n",
    mime(MIMEText("a: 1\n", "cloud-config"), MIMEText("#!/bin/sh\n", "x-shellscript")),
    mime(MIMEText("x", "vnd.example"), MIMEText("#!/bin/sh\n", "x-shellscript-per-boot")),
    mime(MIMEApplication(gzip.compress(b"#!/bin/sh\n"), "gzip"), MIMEText("#!/bin/sh\n")),
    mime(MIMEText("[cernvm]\n", "amiconfig-user-data"), MIMEText("a: 1\n", "cloud-config")),
]


@pytest.mark.parametrize("name", sorted(DELIVERIES))
@pytest.mark.parametrize("user_data", GOOD)
def test_what_a_guest_can_use_has_no_problems(user_data, name):
    assert problems(user_data, name) == []
    assert problems(gzip.compress(user_data), name) == []


BAD = [
    (b"#cloud-config\na: [1, 2\nb: 3\n", "its #cloud-config is not YAML: line 3: did not find expected"),
    (b"#cloud-config\na: *nobody\n", "its #cloud-config is not YAML: line 2: found undefined alias"),
    (b"#cloud-config\na: \xff\n", "its #cloud-config is not YAML"),
    (b"#cloud-config\n" + b"[" * 100_000, "its #cloud-config is not YAML"),
    (b"#cloud-config\n- just\n- a list\n", "its #cloud-config is not a mapping of keys to values"),
    (b"#cloud-config-archive\na: 1\n", "its #cloud-config-archive is not a list of parts"),
    (b"#cloud-config-jsonp\n{]\n", "its #cloud-config-jsonp is not JSON"),
    (b"#cloud-config-jsonp\n{}\n", "its #cloud-config-jsonp is not a list"),
    (b"#include\nexample.org/x\n", "its #include names no URL"),
    (b" #!/bin/sh\n", "there is white space before its #!"),
    (b"#!python\n", "its first line names no interpreter"),
    (b"<html>no such page</html>", "it is nothing that cloud-init knows: let it begin with #!"),
    (b"[amiconfig]\nplugins=x\n", "it is for amiconfig, which context = nocloud does not reach: set context = cernvm"),
    (b"\x1f\x8bnonsense", "as gzip it "),
    (b"MIME-Version: 1.0\nContent-Type: multipart/mixed\n\nx\n", "as MIME it is broken: A message claimed to be"),
    (mime(MIMEText("a: [\n", "cloud-config")), "part 1 of 1: its #cloud-config is not YAML: line 2"),
    (mime(MIMEApplication(b"x", "gzip")), "as gzip it "),
    (mime(MIMEText("[cernvm]\n", "amiconfig-user-data")), "context = nocloud brings none of its 1 parts to use"),
    (mime(MIMEText("hello")), "context = nocloud brings none of its 1 parts to use"),
]


@pytest.mark.parametrize(("user_data", "words"), BAD)
def test_what_a_guest_could_not_use_is_told_in_words(user_data, words):
    assert any(words in problem for problem in problems(user_data)), problems(user_data)


@pytest.mark.parametrize("name", CLOUD_INIT)
def test_amiconfig_is_for_cernvm_alone(name):
    user_data = b"[amiconfig]\nplugins=cernvm\n[cernvm]\nservices=x\n"
    assert len(problems(user_data, name)) == 1
    assert problems(user_data, "cernvm") == []
    assert problems(mime(MIMEText("[cernvm]\n", "amiconfig-user-data")), "cernvm") == []


def test_what_stands_beside_the_lines_for_cernvm_s_boot_loader_is_looked_at_by_itself():
    lines = b"[ucernvm-begin]\ncvmfs_server=x\nresize_rootfs\n[ucernvm-end]\n"
    assert problems(lines, "cernvm") == []
    assert problems(lines + b"#!/bin/sh\ncase x in\nesac\n", "cernvm") == []
    assert problems(b"[amiconfig]\nplugins=cernvm\n" + lines + b"[cernvm]\nservices=a\n", "cernvm") == []
    assert problems(lines + b"#!sh\n", "cernvm") == [
        "its first line names no interpreter: write #! and the whole path of one"
    ]
    assert len(problems(lines + b"#!/bin/sh\n")) == 1


def test_what_amiconfig_cannot_read_is_told():
    [problem] = problems(b"plugins=cernvm\n[amiconfig]\n", "cernvm")
    assert "amiconfig cannot read it: File contains no section headers" in problem
    [problem] = problems(b"<html>", "cernvm")
    assert "it is nothing that CernVM knows" in problem


def test_ec2_takes_so_much_and_no_more():
    script = b"#!/bin/sh\n".ljust(EC2_USER_DATA_MAX, b"#")
    assert problems(script, "ec2") == []
    [problem] = problems(script + b"#", "ec2")
    assert problem.startswith("it has 16385 octets, and ec2 takes 16384: compress it with gzip")
    assert problems(script + b"#", "openstack") == []
    assert problems(gzip.compress(script + b"#"), "ec2") == []


CUT = st.sampled_from([text for text, _ in BAD]).flatmap(
    lambda text: st.integers(0, len(text)).map(lambda length: text[:length])
)


@given(st.binary() | CUT, st.sampled_from(sorted(DELIVERIES)))
def test_nothing_that_anybody_sends_breaks_the_check(user_data, name):
    assert all(isinstance(problem, str) and problem for problem in problems(user_data, name))


def test_a_message_that_is_nested_without_end_is_told_of():
    head = b"MIME-Version: 1.0\n"
    body = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(3000))
    assert problems(head + body) != []
