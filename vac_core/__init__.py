"""Vac: worker nodes that make their own virtual machines and containers."""

__version__ = "1.0.0"
