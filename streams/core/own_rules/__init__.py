"""Rules that users write: what their messages call a value (masks), whose code a frame is, what they want as one group.

patterns.py     patterns in RE2 syntax, bounded, checked before anything runs
rows.py         one rule of each sort, with the digest that enters an id
rules.py        a file's rules at work on one failure
examples.py     the examples that a rule brings, tried
read.py         a TOML file -> its rules, or all its faults
fingerprinter.py  failure -> fingerprint, from caches, under the rules where there are any

An id under such rules names those that had a part in it, so no id ever means something else: an id that none touched
is what it would be without any.
"""
