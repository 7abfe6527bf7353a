"""Outside text -> Failures: one file a source.

junit.py        test reports in JUnit's form, whole or damaged (xml_events.py: tags and text that no damage ends)
joblog.py       the log of a CI job, by way of `streams.core.extract`
annotations.py  what a check run's annotations say
benchmark.py    an error of an LLM call: an exception, its parts, or a row of the earlier runner
context.py      which run of which CI system this is, from environment variables that a door hands over

A producer reads a stream or lines that a door opened, and yields records; it opens nothing itself.
"""
