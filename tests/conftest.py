"""What holds for every test."""

from hypothesis import HealthCheck, settings

# The same examples in every run, however slow the machine: what luck finds is for `--hypothesis-profile=luck`.
settings.register_profile("same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("luck", settings.get_profile("same"), derandomize=False, max_examples=1000)
settings.load_profile("same")
