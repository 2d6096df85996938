"""The daemon's log on its error stream: lines for people, or JSON objects for machines."""

from __future__ import annotations

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

_HUMAN = "%(asctime)s %(levelname)-7s %(message)s"
_JSON = "%(asctime)s %(levelname)s %(name)s %(message)s"


def set_up(log_format: str, log_level: str) -> None:
    """Send every log record to the error stream, as ``human`` lines or ``json`` objects."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(_JSON) if log_format == "json" else logging.Formatter(_HUMAN))
    logging.basicConfig(level=log_level.upper(), handlers=[handler], force=True)
