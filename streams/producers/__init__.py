"""Outside text -> Failures: one file a source.

report.py       what every reader of a report gives: `Reported` and notes; and the records of it
formats.py      the format of a report, told by its content: the way in for a report of any kind
contents.py     all that one input holds: itself, or each member of what is packed in it
passing.py      the logs of passing runs -> hashes of what they printed
packed.py       gzip (gzipped.py) and zip as streams; github_logs.py: which entries of a run's log archive are which
junit.py        test reports in JUnit's form, whole or damaged (xml_events.py: tags and text that no damage ends)
trx.py          the results of Visual Studio's test platform
tap.py          the Test Anything Protocol (yamlish.py: what stands below a failed test)
gotest.py       go test -json
libtest.py      the JSON of Rust's test harness and of nextest
cargo.py        cargo's JSON messages
jsreports.py    the JSON of Jest, Vitest and Mocha
buildkit.py     BuildKit's progress as JSON
image_build.py  what builders of images print: BuildKit, docker, buildah, kaniko
annotations.py  what a check run's annotations say
joblog.py       the log of a CI job, by way of `streams.core.extract` (held.py: its lines in bounded memory;
                fitting.py: whether a baseline is of that job)
inner.py        the errors in what a failed step or test printed, by way of joblog.py
lines.py, json_elements.py   the lines of a stream, and the JSON among them; the elements of one long JSON document
benchmark.py    an error of an LLM call: an exception, its parts, or a row of the earlier runner
context.py      which run of which CI system this is, from environment variables that a door hands over

A producer reads a stream or lines that a door opened, and yields records; it opens nothing itself.
"""
