"""The stores: one contract.

| module | holds |
|---|---|
| `base` | what every sink owes (`Sink`, `AsyncSink`), and what people may ask of a store (`Queries`) |
| `rows` | what stores answer with: titles, sparks, groups that are alike |
| `sqlite`, `sqlite_queries` | the embedded store: documents in the data directory's one file |
| `mongo`, `mongo_queries` | the sink of MongoDB, and the pages' questions to it |
| `mongo_plan` | what a batch of records asks of MongoDB, before anything is sent |
| `mongo_schema` | its collections, indexes, validators and retention |
| `mongo_documents` | documents as MongoDB keeps them, and back |
| `mongo_errors`, `mongo_client` | its refusals as our errors; connections |
"""
