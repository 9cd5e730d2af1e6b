"""pandas' own shipped tests with raylab.frame in pandas' place: ``python -m tests.conformance``."""
