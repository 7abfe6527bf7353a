"""Input that comes again: from a stretch of a topic, from an archive, or all of it.

| module | holds |
|---|---|
| `archive` | failures in a file, line by line: what can be read, and what cannot with its reason |
| `source` | where a replay reads: a stretch of an input topic, or an archive |
| `look` | what a replay would do, seen before anything is sent: how much, how old, whether it would count twice |
| `run` | one replay from beginning to end |
| `job` | the sending itself: rate, progress, and the place where a job that was ended goes on |
| `halt` | roles that must not run meanwhile, and consumers that must have read everything |
| `changelog` | rows of the tables out of their topic, and changes into it, in one transaction a partition |
| `recount` | counts of the tables made again from the documents |
| `rebuild` | the tables begin anew, and the whole input flows through again |
"""
