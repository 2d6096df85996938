"""Which machine goes where: our rule, and Vac 3's beside it."""

import attrs
from hypothesis import given
from hypothesis import strategies as st

from vac_core.decide.room import size_vetoes, survey
from vac_core.decide.superslots import GAP_FACTOR, keep_for, reserving
from vac_core.decide.vac3_slots import filling
from vac_core.model import Capacity, MachineState
from vac_core.testing.makers import NOW, machine, machinetype, settings, situation

DAY, HOUR = 86400, 3600
SMALL = machinetype("small")
SHORT = machinetype("short", min_wallclock_seconds=HOUR)
LARGE = machinetype("large", min_processors=8, max_processors=8)
WIDE = machinetype("wide", min_processors=1, max_processors=16)


def host(*machines, processors=16, size=8, shutdown_time=None, types=(SMALL, SHORT, LARGE, WIDE)):
    return situation(
        types,
        machines=machines,
        capacity=Capacity(processors=processors),
        settings=settings(processors_per_superslot=size),
        shutdown_time=shutdown_time,
    )


def lasting(hours, processors=1, **about):
    return machine(processors=processors, shutdown_time=NOW + hours * HOUR, **about)


def test_the_first_in_order_that_fits_starts_for_its_whole_life() -> None:
    place = reserving(host(), ["large", "small"]).place
    assert place is not None
    assert (place.machinetype, place.processors, place.shutdown_time) == ("large", 8, NOW + DAY)


def test_a_machine_takes_as_many_processors_as_it_can_use_up_to_a_superslot() -> None:
    assert reserving(host(), ["wide"]).place.processors == 8
    assert reserving(host(lasting(5, 13)), ["wide"]).place.processors == 3
    assert reserving(host(processors=4), ["wide"]).place.processors == 4
    assert reserving(host(size=1), ["wide"]).place.processors == 1


def test_a_machine_joins_the_open_superslot_that_ends_first_if_the_time_left_suits_it() -> None:
    machines = [lasting(0.5), lasting(9, 3), lasting(20, 3)]
    place = reserving(host(*machines), ["short"]).place
    assert place.shutdown_time == NOW + 9 * HOUR
    assert reserving(host(*machines), ["small"]).place.shutdown_time == NOW + DAY
    assert reserving(host(lasting(9, 8)), ["short"]).place.shutdown_time == NOW + DAY


def test_a_wide_machine_that_joins_takes_no_more_than_the_superslot_misses() -> None:
    joiner = attrs.evolve(WIDE, min_wallclock_seconds=HOUR)
    place = reserving(host(lasting(9, 5), types=[joiner]), ["wide"]).place
    assert (place.processors, place.shutdown_time) == (3, NOW + 9 * HOUR)


def test_superslots_of_one_processor_are_never_open() -> None:
    assert reserving(host(lasting(9, 3), size=1), ["short"]).place.shutdown_time == NOW + DAY


def test_no_machine_is_told_that_it_may_outlive_its_factory() -> None:
    place = reserving(host(shutdown_time=NOW + 5 * HOUR), ["small", "short"])
    assert place.place.machinetype == "short"
    assert place.place.shutdown_time == NOW + 5 * HOUR
    assert "shutdown_time" in place.obstacles["small"].text


def test_free_processors_are_kept_for_a_larger_machine_whose_turn_it_is() -> None:
    full = host(lasting(2, 6), lasting(6, 5), lasting(9, 4))
    found = reserving(full, ["large", "small", "wide"])
    assert found.place is None
    assert found.obstacles["large"].text == "needs 8 processors and 1 are free: they are kept for it"
    assert found.obstacles["large"].until == NOW + 6 * HOUR
    assert "kept for large" in found.obstacles["small"].text


def test_the_gap_is_filled_with_a_machine_that_is_gone_soon() -> None:
    full = host(lasting(2, 6), lasting(6, 5), lasting(9, 4))
    place = reserving(full, ["large", "small", "short"]).place
    assert place.machinetype == "short"
    assert place.shutdown_time == NOW + GAP_FACTOR * HOUR
    soon = host(lasting(0.5, 7), lasting(9, 8))
    assert reserving(soon, ["large", "short"]).place is None


def test_machines_that_fill_a_gap_end_together() -> None:
    first = lasting(1.25, state=MachineState.RUNNING)
    place = reserving(host(first, lasting(9, 8), lasting(20, 6)), ["large", "short"]).place
    assert place.shutdown_time == first.shutdown_time


def test_nothing_is_kept_for_a_machine_whose_turn_it_is_not() -> None:
    full = host(lasting(2, 6), lasting(6, 9))
    assert reserving(full, ["small", "large"]).place.machinetype == "small"


def test_nothing_is_kept_where_the_factory_would_shut_down_before_the_larger_machine_could_run() -> None:
    full = host(lasting(2, 15), shutdown_time=NOW + DAY + HOUR)
    assert reserving(full, ["large", "small"]).place.machinetype == "small"


def test_processors_of_a_machine_that_is_being_stopped_are_expected_sooner() -> None:
    stopping = lasting(20, 8, state=MachineState.STOPPING, stop_deadline=NOW + 30.0)
    kept = keep_for(LARGE, survey(host(stopping, lasting(9, 8))))
    assert kept is not None
    assert kept.time == NOW + 30.0


def test_a_full_host_says_so() -> None:
    found = reserving(host(lasting(3, 16)), ["small"])
    assert found.place is None
    assert found.obstacles["small"].text == "no processor is free: all 16 are in use"
    assert found.obstacles["small"].until == NOW + 3 * HOUR


def test_machinetypes_that_could_never_fit_are_told_what_to_change() -> None:
    odd = machinetype("odd", min_processors=3, max_processors=2)
    vetoes = {veto.machinetype: veto.reason for veto in size_vetoes(host(size=4, types=[SMALL, LARGE, odd]))}
    assert set(vetoes) == {"large", "odd"}
    assert "processors_per_superslot (4)" in vetoes["large"]
    assert "min_processors 3" in vetoes["odd"]


def test_vac3_fills_open_superslots_before_it_looks_at_the_order() -> None:
    machines = [lasting(9, 3), lasting(20, 3)]
    assert filling(host(*machines), ["small", "short"]).place.machinetype == "short"
    assert reserving(host(*machines), ["small", "short"]).place.machinetype == "small"


def test_vac3_keeps_nothing_for_a_larger_machine() -> None:
    full = host(lasting(2, 6), lasting(6, 9))
    place = filling(full, ["large", "small"]).place
    assert (place.machinetype, place.shutdown_time) == ("small", NOW + DAY)
    nothing = filling(host(lasting(2, 12), types=[LARGE]), ["large"])
    assert nothing.place is None
    assert nothing.obstacles["large"].text == "needs 8 processors and 4 are free"


def test_vac3_joins_with_what_the_superslot_misses() -> None:
    joiner = attrs.evolve(WIDE, min_wallclock_seconds=HOUR)
    place = filling(host(lasting(9, 5), types=[joiner]), ["wide"]).place
    assert (place.processors, place.shutdown_time) == (3, NOW + 9 * HOUR)


TYPES = st.builds(
    lambda least, more, wallclock, part: {
        "min_processors": least,
        "max_processors": least + more,
        "max_wallclock_seconds": wallclock,
        "min_wallclock_seconds": max(1, int(wallclock * part)) if part else None,
    },
    st.integers(1, 10),
    st.integers(0, 8),
    st.integers(60, 2 * DAY),
    st.sampled_from([0, 0.1, 0.5, 1]),
)
MACHINES = st.lists(
    st.tuples(st.integers(1, 8), st.sampled_from([-5, 30, HOUR, 9 * HOUR, DAY]) | st.integers(-60, DAY)), max_size=8
)


@st.composite
def hosts(draw):
    types = [machinetype(f"t{n}", **about) for n, about in enumerate(draw(st.lists(TYPES, min_size=1, max_size=4)))]
    machines = [machine(n, processors=p, shutdown_time=NOW + s) for n, (p, s) in enumerate(draw(MACHINES))]
    limit = draw(st.none() | st.integers(1, 2 * DAY))
    return host(
        *machines,
        processors=draw(st.integers(1, 32)),
        size=draw(st.integers(1, 12)),
        shutdown_time=None if limit is None else NOW + limit,
        types=types,
    )


@given(hosts(), st.sampled_from([reserving, filling]), st.randoms(use_true_random=False))
def test_no_place_breaks_a_limit(full, rule, random) -> None:
    order = list(full.machinetypes)
    random.shuffle(order)
    place = rule(full, order).place
    if place is None:
        return
    chosen = full.machinetypes[place.machinetype]
    assert chosen.min_processors <= place.processors <= chosen.max_processors
    assert 0 < place.processors <= min(full.free_processors, full.settings.processors_per_superslot)
    assert NOW < place.shutdown_time <= NOW + chosen.max_wallclock_seconds
    assert full.shutdown_time is None or place.shutdown_time <= full.shutdown_time
    if rule is reserving or full.shutdown_time is None:
        assert place.shutdown_time >= NOW + chosen.least_wallclock


@given(hosts(), st.integers(2, 12))
def test_the_time_by_which_a_larger_machine_can_start_never_moves_back(full, size) -> None:
    large = machinetype("large", min_processors=size, max_processors=size)
    full = attrs.evolve(full, machinetypes={**full.machinetypes, "large": large}, shutdown_time=None)
    before = keep_for(large, survey(full))
    place = reserving(full, ["large", *(name for name in full.machinetypes if name != "large")]).place
    if before is None or place is None or place.machinetype == "large":
        return
    more = machine(90, processors=place.processors, shutdown_time=place.shutdown_time)
    after = keep_for(large, survey(attrs.evolve(full, machines=(*full.machines, more))))
    assert after is not None
    assert after.time <= before.time
