"""Machines through libvirt; still to be written."""
