"""The whole path in one process: no Kafka, no key.

| module | holds |
|---|---|
| `engine` | the thread that owns the data directory: appends, then the stages, one after the other |
| `stages` | what a step of each stage does: fold, work, sink, tick, retention |
| `metrics` | what was committed, in the Prometheus format |
| `server` | one HTTP server for gateway and pages; start, signals, stop |

The same core as the cluster form; only the doors differ: `streams.local` in place of Kafka, `streams.sinks.sqlite` in
place of MongoDB and OpenSearch.
"""
