"""The OpenSearch store: one document a failure, written once in effect, brought up to date when its verdict changes.

sink.py         the port: records in, documents and changes out
options.py      what may be set
names.py        the name of an index, out of a failure's time
preparation.py  what has to be there: a fitting server, template, alias, mapping
indexes.py      the indexes while they are written: made when missing, found for a change, dropped by retention
bulk.py         documents in bounded bulk requests, every item's answer looked at
verdicts.py     a new verdict for documents that are there
door.py         one request, its answer, and every refusal as an error of ours
"""
