"""What holds for all tests: how fast a host draws its examples decides on nothing, for others may be at work on it."""

from hypothesis import HealthCheck, settings

settings.register_profile("vac", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vac")
