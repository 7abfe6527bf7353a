"""What credentials look like, as data, written from the formats that their issuers publish.

| module | holds |
|---|---|
| `row` | one format: its literals, its pattern, when it is tried |
| `places` | known by what they stand in: armour, tokens of several parts, URLs, hooks, headers |
| `commands` | given to a command or a script |
| `databases` | in SQL, in names of data sources, in calls that open a connection |
| `clouds`, `services` | known by the prefix or the form of their issuer |
| `files` | settings, and hashes of passwords |
| `devices` | settings of devices, directories and servers with a grammar of their own |
| `wallets` | keys of wallets, and words that open them |
| `formats` | all of these, in the order that names a credential which two of them find |
| `signs` | which of them a text may hold, by its words and long runs |
| `names` | names in front of a value: fields such as a password, and services whose keys have no shape of their own |
| `gaps` | what may stand between the name of a password and its value |
| `told` | random values whose names stand in front of them, found from the value backwards |
| `armour` | lines of a private key whose first line is cut off |
| `values` | what a value looks like: drawn by lot, one word, or only the place that one goes to |

`streams/core/redact.py` applies them.
"""
