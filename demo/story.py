"""What is to happen in a run of the demo, and when: all of it follows from how long the run is to last."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import attrs

SPACE: Final = "vac01.example.org"
FACTORIES: Final = ("wn1.example.org", "wn2.example.org", "wn3.example.org")
KILLED: Final = FACTORIES[1]
SLOTS: Final = 8
"""Processors of each factory, and so machines, since each machine has one processor; of processes."""


@attrs.frozen(kw_only=True)
class Organisation:
    """A virtual organisation: its share, and how its machinetype comes to the site."""

    name: str
    share: float
    machinetype: str
    colour: str
    life: float
    """How long one of its machines may live, as a part of the run: short, so that a run has many of them."""
    by_pipe: bool = False
    """Whether the site only names a vacuum pipe, in which the VO describes the machinetype."""
    site_keeps_user_data: bool = False
    """Whether the template of its user_data is a file of the site, and not fetched from the VO for each machine."""
    dry: tuple[tuple[float, float], ...] = ()
    """When nothing new comes to its queue, as parts of the run."""


ORGANISATIONS: Final = (
    Organisation(
        name="astro",
        share=5.0,
        machinetype="astro",
        colour="#1f77b4",
        life=0.2,
        site_keeps_user_data=True,
        dry=((0.66, 0.8),),
    ),
    Organisation(name="bio", share=3.0, machinetype="bio", colour="#9467bd", life=0.16, dry=((0.2, 0.36),)),
    Organisation(name="climate", share=2.0, machinetype="climate-agent", colour="#d99a00", life=0.12, by_pipe=True),
)


@attrs.frozen(kw_only=True)
class Story:
    """The times of one run, in seconds from when all factories are up."""

    seconds: float
    """How long the space is at work."""
    slots: int = SLOTS
    """Machines that each factory has at one time."""
    least_life: int = 5
    """Seconds that a machine may live at least, however short the run is."""

    @property
    def killed_at(self) -> float:
        """When one factory's daemon is killed with SIGKILL."""
        return 0.48 * self.seconds

    @property
    def restarted_at(self) -> float:
        """When it is started again; its machines go on meanwhile."""
        return self.killed_at + 1.5

    def wallclock_seconds(self, organisation: Organisation) -> int:
        """How long one of a VO's machines may live."""
        return max(self.least_life, round(organisation.life * self.seconds))

    def dry(self, organisation: Organisation) -> tuple[tuple[float, float], ...]:
        """When a queue gets nothing new, in seconds."""
        return tuple((begin * self.seconds, end * self.seconds) for begin, end in organisation.dry)

    def all_dry(self) -> Mapping[str, tuple[tuple[float, float], ...]]:
        """`dry` of each VO by its name."""
        return {organisation.name: self.dry(organisation) for organisation in ORGANISATIONS}

    def is_dry(self, organisation: Organisation, at: float) -> bool:
        """Whether a queue gets nothing new at this time."""
        return any(begin <= at < end for begin, end in self.dry(organisation))

    def all_supplied(self, settle_seconds: float) -> tuple[tuple[float, float], ...]:
        """The times in which every VO had work, and had had it for so long that old machines are gone."""
        gaps = sorted(window for organisation in ORGANISATIONS for window in self.dry(organisation))
        edges = [(0.0, 0.0), *gaps, (self.seconds, self.seconds)]
        spans = [(before[1] + settle_seconds, after[0]) for before, after in pairwise(edges)]
        return tuple((begin, end) for begin, end in spans if end > begin)


def targets() -> Mapping[str, float]:
    """Each VO's target share, as a part of the whole."""
    whole = sum(organisation.share for organisation in ORGANISATIONS)
    return {organisation.name: organisation.share / whole for organisation in ORGANISATIONS}


def organisation_of(machinetype: str) -> str:
    """The VO that a machinetype belongs to."""
    return next(one.name for one in ORGANISATIONS if one.machinetype == machinetype)
