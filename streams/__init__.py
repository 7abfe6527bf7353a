"""Moves and folds records; asks nobody.

The rooms, from the outside in:

- `contract`: everything that leaves the process: records, topics, taxonomy, documents, metric names, errors.
- `core`: everything that we compute: redact, template, fingerprint, fold, window, ladder, batch. No clock, no socket.
- `producers`: text from outside -> failures.
- `sinks`: where documents are kept; one contract, idempotent by id, guarded by version.
- `gateway`: HTTP in. `dashboard`: the page, its JSON and its live stream.
- `serving`: what every process that serves has: log lines, socket, signals, health.
- `local`: the SQLite log, the door that stands in for a broker.
- `settings`, `environment`: all that can be set, read once; where it is set, and what is told of it.
- `cli`: the commands that need no language model.

`agents` stands on this package, never the reverse; pyproject.toml says who may import whom, and `make check` asks.
"""
