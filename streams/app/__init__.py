"""The door to Faust: agents over Kafka, exact where they keep tables.

Faust keeps app, agents, streams, tables, assignment and its recovery service. The door decides when a partition may be
read and from where, how a table gets its rows, and how rows and outputs are written: all of one input partition in one
transaction, with the position that they stand for.

| module | holds |
|---|---|
| `transport` | when records may be delivered: nothing fetched before a seek comes after it, nothing after it is lost |
| `partition` | the rows of one partition: what is committed, and the changes of the batch under way |
| `served` | the rows that are served here, for questions and for the Faust table; `NotHere` for what is elsewhere |
| `store` | partitions of this process: fence, load, write |
| `sending` | many records to one partition |
| `table` | the Faust table over the store |
| `worker` | a Faust app inside our process: its settings, its start, its end |
| `work` | the stream agent: folds and verdicts -> tables and what they say |
| `ledger` | what was read and is not finished yet, in order within each partition |
| `classify` | the classification agent: batches across partitions, several questions at once |
| `ending` | the end of a process that cannot go on |
"""
