"""The servers' fixtures, for every test in this folder."""

from suites.servers import index_prefix, kafka, mongo_database, mongodb, opensearch, topic_prefix

__all__ = ["index_prefix", "kafka", "mongo_database", "mongodb", "opensearch", "topic_prefix"]
