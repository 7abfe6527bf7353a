"""What credentials look like, as data, written from the formats that their issuers publish.

| module | holds |
|---|---|
| `formats` | tokens that are known by their own shape: prefixes, lengths, headers, blocks, URLs |
| `names` | names in front of a value: fields such as a password, and services whose keys have no shape of their own |

`streams/core/redact.py` applies both.
"""
