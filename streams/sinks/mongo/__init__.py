"""The MongoDB store: one document a failure, written once in effect, brought up to date when its verdict changes.

| module | holds |
|---|---|
| `sink` | the port: records in, documents, rows and changes out |
| `plan` | what a batch of records asks of MongoDB, before anything is sent |
| `documents` | documents as MongoDB keeps them, and back |
| `schema` | collections, indexes, validators and retention |
| `client` | connections |
| `errors` | every refusal as an error of ours |
| `queries` | the pages' questions to it |
| `past` | which failures it has, and how many: for what is brought back |
"""
