"""Banned sites: who is asked, how seldom, with what, and what an answer may do."""

from __future__ import annotations

import http.server
import json
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vac_lhcb import site_status
from vac_lhcb.context import LhcbContextualiser
from vac_lhcb.diracx_access import LhcbPlugin
from vac_lhcb.options import LhcbMachine
from vac_lhcb.site_status import AGAIN_SECONDS, SiteStatus, banned

from vac_core.testing import home, machinetype

SITE = "VAC.Example.uk"
PATH = "/api/rss/site"
BAN = {"all": {"allowed": False, "reason": "downtime"}}
FREE = {"all": {"allowed": True, "warnings": None}}


class Server(http.server.ThreadingHTTPServer):
    """Says what it is told to, and notes who asked."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.document, self.asked = 200, {SITE: BAN}, []
        self.hold = threading.Event()
        self.hold.set()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization")))
        self.server.hold.wait(60)
        body = json.dumps(self.server.document).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words):
        """Say nothing."""


@pytest.fixture
def server():
    one = Server()
    thread = threading.Thread(target=one.serve_forever)
    thread.start()
    yield one
    one.hold.set()
    one.shutdown()
    thread.join()
    one.server_close()


class Ticks:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def ticks():
    return Ticks()


@pytest.fixture
def status(ticks):
    return SiteStatus(ticks)


def of_site(source, site=SITE, name="lhcb"):
    options = LhcbMachine(dirac_site=site, dirac_site_status=source, dirac_credential="none")
    return machinetype(name, contextualiser="lhcb", plugin_options={"lhcb": options})


def bans(status, *of_types, plugin=None):
    return dict(status.bans(of_types, plugin or LhcbPlugin()))


def test_a_banned_site_is_told_with_its_reason_and_who_acts(status, server):
    told = bans(status, of_site(server.url + PATH))["lhcb"]
    assert told.startswith("400 Site banned in DIRAC: ")
    assert "'downtime'" in told
    assert "the VO's operations team lifts a ban" in told


@pytest.mark.parametrize("document", [{SITE: FREE}, {"VAC.Other.uk": BAN}, {}])
def test_other_sites_bans_are_none_of_ours(status, server, document):
    server.document = document
    assert bans(status, of_site(server.url + PATH)) == {}


def test_without_the_option_nobody_is_asked(status):
    assert bans(status, of_site(None)) == {}


def test_a_file_of_that_form_will_do(status, tmp_path):
    (tmp_path / "sites.json").write_text(json.dumps({SITE: BAN}))
    assert "downtime" in bans(status, of_site(str(tmp_path / "sites.json")))["lhcb"]


def test_an_answer_is_good_for_a_while_and_one_question_serves_all(status, server, ticks):
    both = of_site(server.url + PATH), of_site(server.url + PATH, "VAC.Other.uk", "other")
    assert list(bans(status, *both)) == ["lhcb"]
    server.document = {SITE: FREE}
    ticks.now = AGAIN_SECONDS - 1
    assert list(bans(status, *both)) == ["lhcb"]
    assert len(server.asked) == 1
    ticks.now = AGAIN_SECONDS
    assert bans(status, *both) == {}
    assert len(server.asked) == 2


@pytest.mark.parametrize("code", [302, 401, 500])
def test_an_answer_that_is_none_bans_nobody_and_is_told(status, server, code, caplog):
    server.status = code
    assert bans(status, of_site(server.url + PATH)) == {}
    assert f"the answer was {code}" in caplog.text


def test_one_that_never_answers_is_waited_for_once_and_bans_nobody(status, server, monkeypatch, caplog):
    monkeypatch.setattr(site_status, "DEADLINE_SECONDS", 0.2)
    server.hold.clear()
    for _ in range(2):
        assert bans(status, of_site(server.url + PATH)) == {}
    assert caplog.text.count("no site is taken for banned") == 1


def test_an_answer_without_end_is_not_read_to_it(status, server, monkeypatch, caplog):
    monkeypatch.setattr(site_status, "MOST_BYTES", 10)
    assert bans(status, of_site(server.url + PATH)) == {}
    assert "larger than 10 octets" in caplog.text


def test_one_that_is_away_bans_nobody_and_no_password_is_told(status, caplog):
    assert bans(status, of_site("http://me:secret@127.0.0.1:9/api/rss/site?key=secret")) == {}
    assert "http://127.0.0.1:9/api/rss/site: it cannot be asked" in caplog.text
    assert "secret" not in caplog.text


def test_the_token_goes_to_diracx_and_to_nobody_else(status, server, ticks, tmp_path):
    (tmp_path / "token").write_text("abc\n")
    for url in (server.url, "http://127.0.0.1:9", server.url[:-1]):
        plugin = LhcbPlugin(diracx_url=url, diracx_token_file=str(tmp_path / "token"))
        bans(status, of_site(server.url + PATH), plugin=plugin)
        ticks.now += AGAIN_SECONDS
    assert [credential for _, credential in server.asked] == ["Bearer abc", None, None]


def test_the_factory_is_told_to_make_none(server, tmp_path):
    one = LhcbContextualiser()
    one.start(home(tmp_path, options=LhcbPlugin()))
    refusals = one.resources([of_site(server.url + PATH), of_site(server.url + PATH, "VAC.Other.uk", "other")]).refusals
    assert list(refusals) == ["lhcb"]
    assert "400 Site banned in DIRAC" in refusals["lhcb"]


def nested(inner):
    return st.lists(inner) | st.dictionaries(st.sampled_from([SITE, "all", "allowed", "reason"]), inner)


documents = st.recursive(st.none() | st.booleans() | st.text(), nested).map(lambda value: json.dumps(value).encode())


@given(st.binary() | documents)
def test_whatever_is_answered_gives_reasons_or_a_clear_error(document):
    found, trouble = {}, None
    try:
        found = banned(document)
    except ValueError as error:
        trouble = str(error)
    assert trouble is None or "look at the address" in trouble
    assert all(isinstance(reason, str) and len(reason) <= 200 and reason.isprintable() for reason in found.values())


def test_too_deep_a_document_is_an_error_too():
    with pytest.raises(ValueError, match="look at the address"):
        banned(b"[" * 100000)
