"""Machines through docker; still to be written."""
