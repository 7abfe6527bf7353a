"""The stores: one contract.

| module | holds |
|---|---|
| `base` | what every sink owes (`Sink`, `AsyncSink`), and what people may ask of a store (`Queries`) |
| `rows` | what stores answer with: titles, sparks, groups that are alike |
| `sqlite`, `sqlite_queries` | the embedded store: documents in the data directory's one file |
| `mongo` | the MongoDB store, and the pages' questions to it |
| `opensearch` | the OpenSearch store |
"""
