"""The door to Kafka, over aiokafka.

| module | holds |
|---|---|
| `clients` | where the brokers are, what is called how there, clients of every kind, a start that waits: `Cluster` |
| `admin` | the topics: what they should be, what they are, and making them so |
| `security` | how the brokers are spoken to, and why they do not answer |
| `headers`, `outgoing` | headers of our records; what somebody decided, as a record |
| `reject` | what cannot be read, as a record of the rejected topic |
| `stretch` | records in hand, cut into pieces |
| `fold` | the fold role: a member of its group, with a task for each input partition |
| `fold_partition` | one of them: raw records -> `FoldBatch`es, one transaction a stretch |
| `counts` | what the fold role did with a partition, kept beside its offset |
| `sink` | the role of a sink: records -> a store, then the offsets |
| `lag`, `standing`, `probe` | how far a reader is behind; how far each role is; whether brokers answer |
| `changes` | a hint whenever something was written to a topic |
| `reader` | stretches of topics, read to their ends, for commands |
| `baselines` | what passing runs printed: read whole, followed, written |
| `publish` | the gateway's port to the log |
"""
