"""The door to Kafka, over aiokafka.

| module | holds |
|---|---|
| `clients` | where the brokers are, what is called how there, clients of every kind, a start that waits: `Cluster` |
"""
