"""Everything that leaves the process: records, topics, kinds, store documents, metric names, errors.

| module | holds |
|---|---|
| `failure` | what happened out there, as producers send it; its identity; its bounds |
| `fingerprint` | the three levels of a fingerprint and the parts that explain them |
| `fold` | failures of one fingerprint in one batch; the one input of the tables |
| `verdict` | a kind with its confidence, reason and source; which source is stronger |
| `classified` | a fold with its verdict; a changed verdict; a fingerprint nobody has a verdict for |
| `rollup` | counts of one fingerprint in one window or dimension |
| `wire` | bytes <-> record for all of them, and the rejected record |
| `taxonomy` | kinds and families, from `taxonomy.toml` |
| `topics` | every topic: key, record, partitions, retention, who writes, who reads |
| `documents` | records <-> documents of the stores: the one place that knows store field names |
| `telemetry` | every metric and every log event |
| `errors` | the exception tree |
| `schema`, `generated` | JSON Schemas of the records, generated into `schemas/`; files that are made from code |

Nothing here reads a clock, the environment, a file outside the package or a socket.
"""
