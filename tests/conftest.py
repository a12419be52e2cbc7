"""Settings that all tests share.

Property tests draw the same examples on every run, so that a failure belongs to the change that caused it. Deadlines are
off, since a busy machine is not a failing one. `pytest --hypothesis-profile=search` looks further, with new examples.
"""

from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("repeatable")
