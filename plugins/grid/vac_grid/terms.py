"""What is said of proxies, without what makes them: that wants a large library, which is loaded when one is made."""

from __future__ import annotations

import enum


class CredentialError(Exception):
    """A credential cannot be used; the message names the file and says why, and the mend. It never shows a key."""


class ProxyKind(enum.StrEnum):
    """What a proxy may do, and which form it has."""

    RFC_LIMITED = "rfc-limited"
    """It may fetch jobs and move data; most gatekeepers take no job from it."""
    RFC = "rfc"
    """It may do all that its source may."""
    LEGACY_LIMITED = "legacy-limited"
    """Limited, in the form from before RFC 3820, which OpenSSL refuses."""
