"""The vac command."""
