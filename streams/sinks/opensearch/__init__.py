"""The OpenSearch store: one document a failure, written once in effect, brought up to date when its verdict changes.

sink.py      the port: records in, documents and changes out
options.py   what may be set
indexes.py   which index a failure belongs to; templates, aliases, retention
bulk.py      documents in bounded bulk requests, every item's answer looked at
verdicts.py  a new verdict for documents that are there
door.py      one request, its answer, and every refusal as an error of ours
"""
