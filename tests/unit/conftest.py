"""Hypothesis: the time of one example says nothing about correctness on a shared machine."""

from hypothesis import settings

settings.register_profile("unit", parent=settings(), deadline=None)
settings.load_profile("unit")
