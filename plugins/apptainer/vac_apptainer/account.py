"""Whom containers run as: one unprivileged user."""

from __future__ import annotations

import os
import pwd

import attrs

from vac_core.interfaces import PluginError


@attrs.frozen(kw_only=True)
class Account:
    """A user of this host, with the user's own group alone."""

    name: str
    uid: int
    gid: int

    @property
    def own(self) -> bool:
        """Whether the factory itself is this user."""
        return self.uid == os.geteuid()


def account(singularity_user: str | None) -> Account:
    """The user that containers run as, by the option ``singularity_user`` of [settings].

    It is the factory's own user where the factory is not root. Raises `PluginError` where there is no such user, where
    it would be root, or where the factory cannot become it.
    """
    if singularity_user is None:
        return _own()
    try:
        found = pwd.getpwnam(singularity_user)
    except KeyError:
        raise PluginError(
            f"singularity_user: this host has no user {singularity_user!r}: make one with useradd --system"
        ) from None
    if found.pw_uid == 0:
        raise PluginError(f"singularity_user: {singularity_user} is root: name a user without privileges")
    if os.geteuid() not in {0, found.pw_uid}:
        raise PluginError(
            f"singularity_user: the factory cannot run containers as {singularity_user}: run it as that user or as root"
        )
    return Account(name=found.pw_name, uid=found.pw_uid, gid=found.pw_gid)


def _own() -> Account:
    if os.geteuid() == 0:
        raise PluginError(
            "the factory is root and containers must not be: set singularity_user in [settings] to a user for them"
        )
    return Account(name=str(os.geteuid()), uid=os.geteuid(), gid=os.getegid())
