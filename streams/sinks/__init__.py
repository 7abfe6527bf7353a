"""The stores: one file each, one contract.

| module | holds |
|---|---|
| `base` | what every sink owes (`Sink`), and what people may ask of a store (`Queries`) |
| `sqlite` | the embedded store: documents in the data directory's one file |
"""
