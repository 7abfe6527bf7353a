"""The whole path in one process: no Kafka, no key.

| module | holds |
|---|---|
| `engine` | the stages over the embedded log, in one thread: append, fold, work, sink, tick, retention |
| `server` | one HTTP server for gateway and pages; start, signals, stop |

The same core as the cluster form; only the doors differ: `streams.local` in place of Kafka, `streams.sinks.sqlite` in
place of MongoDB and OpenSearch.
"""
