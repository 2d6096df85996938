"""What a machinetype is made with; where it cannot be, the message names the thing and the mend."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from vac_core.config.schema import MachineType, Site
from vac_core.context.delivery import DELIVERIES
from vac_core.factory.binding import UnboundError, bind
from vac_core.factory.calls import ThreadCalls
from vac_core.factory.crew import Crew
from vac_core.factory.faults import Faults
from vac_core.factory.trades import TradeBook, Trades
from vac_core.testing import NOW, FakeContextualiser, FakeHypervisor, FakePolicy, machinetype, settings


class Picky(FakeHypervisor):
    """Finds fault with machinetypes as a test says."""

    def __init__(self, found: Any, name: str = "picky") -> None:
        super().__init__(name=name)
        self.found = found
        self.checked: list[str] = []

    def check(self, machinetype: MachineType) -> Sequence[str]:
        self.checked.append(machinetype.name)
        if isinstance(self.found, Exception):
            raise self.found
        found: Sequence[str] = self.found
        return found


class Choosing(FakeHypervisor):
    """Has several ways of delivery, and names one as a test says."""

    def __init__(self, named: str) -> None:
        super().__init__()
        self.named = named

    def delivery_of(self, machinetype: MachineType) -> str:
        return self.named


FAKE = FakeHypervisor()
OTHER = FakeHypervisor(name="other")
DOCKER = FakeHypervisor(name="docker", machine_models=frozenset({"docker", "podman"}))
USER_DATA = FakeContextualiser()
LHCB = FakeContextualiser(name="lhcb")


def crew(*hypervisors: FakeHypervisor, **more: Any) -> Crew:
    return Crew(
        hypervisors={one.name: one for one in hypervisors},
        contextualisers={"user_data": USER_DATA},
        policies=more.pop("policies", []),
        peer_finders=[],
        observers=[],
        **more,
    )


def site(*types: MachineType, **more: Any) -> Site:
    return Site(settings=settings(), machinetypes={one.name: one for one in types}, **more)


def refusal(
    of: MachineType, *hypervisors: FakeHypervisor, unusable: dict[str, str] | None = None, contextualisers: bool = True
) -> str:
    offered = {"user_data": USER_DATA, "lhcb": LHCB} if contextualisers else {}
    with pytest.raises(UnboundError) as caught:
        bind(of, {one.name: one for one in hypervisors}, offered, unusable or {})
    return str(caught.value)


def test_the_model_finds_its_hypervisor_and_the_name_its_contextualiser() -> None:
    binding = bind(
        machinetype(machine_model="podman", contextualiser="lhcb"),
        {"fake": FAKE, "docker": DOCKER},
        {"user_data": USER_DATA, "lhcb": LHCB},
        {},
    )
    assert binding.hypervisor is DOCKER
    assert binding.contextualiser is LHCB


def test_where_several_offer_a_model_the_option_picks() -> None:
    binding = bind(machinetype(hypervisor="other"), {"fake": FAKE, "other": OTHER}, {"user_data": USER_DATA}, {})
    assert binding.hypervisor is OTHER


@pytest.mark.parametrize(
    ("of", "hypervisors", "message"),
    [
        (
            machinetype(machine_model="cernvm3"),
            (FAKE, DOCKER),
            (
                "no installed plugin makes machines of the machine_model 'cernvm3' (there are: docker, fake, podman): "
                "install the plugin that does, such as with pip install"
            ),
        ),
        (
            machinetype(),
            (),
            (
                "no installed plugin makes machines of the machine_model 'fake' (there are: none): "
                "install the plugin that does, such as with pip install"
            ),
        ),
        (
            machinetype(),
            (OTHER, FAKE, DOCKER),
            "several hypervisors make 'fake': set the option hypervisor to fake or other",
        ),
        (
            machinetype(hypervisor="docker"),
            (OTHER, FAKE, DOCKER),
            "hypervisor 'docker' is not one that makes 'fake': set the option hypervisor to fake or other",
        ),
        (
            machinetype(contextualiser="boinc"),
            (FAKE,),
            (
                "no plugin provides the contextualiser 'boinc' (there are: lhcb, user_data): "
                "install its plugin or mend the option contextualiser"
            ),
        ),
    ],
    ids=["no-model", "no-hypervisor", "several", "another", "no-contextualiser"],
)
def test_what_is_missing_is_named_with_the_mend(
    of: MachineType, hypervisors: tuple[FakeHypervisor, ...], message: str
) -> None:
    assert refusal(of, *hypervisors) == message


def test_where_there_is_no_contextualiser_at_all_it_says_so() -> None:
    assert "(there are: none)" in refusal(machinetype(), FAKE, contextualisers=False)


def test_what_cannot_be_used_now_is_named_with_its_reason() -> None:
    unusable = {"hypervisor fake": "no /dev/kvm: load the module kvm"}
    assert refusal(machinetype(), FAKE, unusable=unusable) == "hypervisor fake: no /dev/kvm: load the module kvm"
    unusable = {"contextualiser user_data": "no templates"}
    assert refusal(machinetype(), FAKE, unusable=unusable) == "contextualiser user_data: no templates"


def test_an_object_of_another_kind_or_of_another_name_is_no_hindrance() -> None:
    unusable = {"policy fake": "raised", "hypervisor other": "gone", "contextualiser lhcb": "gone"}
    binding = bind(machinetype(), {"fake": FAKE}, {"user_data": USER_DATA}, unusable)
    assert (binding.hypervisor, binding.contextualiser) == (FAKE, USER_DATA)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (["docker_image is missing", "docker_memory is not a number"], "docker_image is missing; docker_memory is"),
        (RuntimeError("no schema"), "picky raised RuntimeError on checking it: no schema"),
        (None, "picky raised TypeError on checking it: "),
    ],
)
def test_what_a_check_finds_or_raises_unbinds_the_machinetype(found: Any, message: str) -> None:
    assert refusal(machinetype(), Picky(found)).startswith(message)


def traded(book: TradeBook, now: Site, when: float) -> Trades:
    """What can be made once the machinetypes were checked."""

    async def check() -> None:
        await book.refresh(now, ThreadCalls())

    asyncio.run(check())
    return book.trades(now, when, {})


def test_machinetypes_that_were_not_checked_yet_wait() -> None:
    trades = TradeBook(crew(FAKE), Faults()).trades(site(machinetype("lhcb")), NOW, {})
    assert dict(trades.disabled) == {"lhcb": "it is not yet checked with its plugins"}


def test_a_bad_machinetype_disables_itself_alone() -> None:
    book = TradeBook(crew(FAKE), Faults())
    trades = traded(book, site(machinetype("lhcb"), machinetype("atlas", machine_model="cernvm3")), NOW)
    assert trades.bindings.keys() == {"lhcb"}
    assert trades.disabled.keys() == {"atlas"}


def test_what_the_site_files_disable_stays_so_with_their_reason() -> None:
    book = TradeBook(crew(FAKE), Faults())
    trades = traded(book, site(machinetype("lhcb"), disabled={"atlas": "vac.conf:4 max_processors"}), NOW)
    assert (set(trades.bindings), dict(trades.disabled)) == ({"lhcb"}, {"atlas": "vac.conf:4 max_processors"})


def test_a_held_type_is_disabled_until_its_hold_ends_and_says_when() -> None:
    faults, lhcb = Faults(), machinetype("lhcb")
    book = TradeBook(crew(FAKE), faults)
    faults.hold(lhcb, "no image", NOW)
    assert traded(book, site(lhcb), NOW).disabled == {"lhcb": "no image (it is tried again at 22:13:30 UTC)"}
    assert traded(book, site(lhcb), NOW + 10).bindings.keys() == {"lhcb"}
    faults.disable(lhcb, "its user_data is empty")
    disabled = traded(book, site(lhcb), NOW + 1e6).disabled
    assert disabled == {"lhcb": "its user_data is empty (it is tried again when its options change)"}


def test_types_are_checked_again_only_when_the_site_or_the_health_changes() -> None:
    picky = Picky([])
    members = crew(picky)
    book, now = TradeBook(members, Faults()), site(machinetype("lhcb"), machinetype("atlas"))
    for _ in range(3):
        traded(book, now, NOW)
    assert sorted(picky.checked) == ["atlas", "lhcb"]
    members.unhealthy["hypervisor picky"] = "no kernel: reboot"
    assert traded(book, now, NOW).disabled.keys() == {"lhcb", "atlas"}
    members.unhealthy.clear()
    assert traded(book, now, NOW).bindings.keys() == {"lhcb", "atlas"}
    assert traded(book, site(machinetype("cms")), NOW).bindings.keys() == {"cms"}
    assert picky.checked == ["lhcb", "atlas", "lhcb", "atlas", "cms"]


def test_nothing_can_be_made_while_a_policy_that_the_site_wants_is_not_there() -> None:
    members = crew(FAKE, policies=[FakePolicy(name="office-hours")])
    book, now = TradeBook(members, Faults()), site(machinetype("lhcb"), disabled={"atlas": "broken"})
    members.failed["policy office-hours"] = "no calendar"
    trades = traded(book, now, NOW)
    assert not trades.bindings
    assert trades.disabled == {"lhcb": "policy office-hours: no calendar", "atlas": "broken"}


def test_a_hypervisor_with_several_ways_of_delivery_says_which() -> None:
    found = bind(machinetype("lhcb"), {"fake": Choosing("ec2")}, {"user_data": USER_DATA}, {})
    assert found.delivery is DELIVERIES["ec2"]
    assert bind(machinetype("lhcb"), {"fake": FAKE}, {"user_data": USER_DATA}, {}).delivery is None


def test_a_way_of_delivery_that_nobody_knows_is_the_hypervisor_s_fault() -> None:
    said = refusal(machinetype("lhcb"), Choosing("by hand"))
    assert said == "hypervisor fake does not say how contexts are delivered: KeyError: 'by hand'"
