"""The test servers themselves: each answers, and each test has its own corner of it."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from pymongo import MongoClient


def test_a_record_sent_to_kafka_is_read_again(kafka: str, topic_prefix: str) -> None:
    async def there_and_back() -> bytes:
        topic = f"{topic_prefix}failures"
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        await admin.create_topics([NewTopic(topic, 2, 1)])
        await admin.close()
        producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id=f"{topic_prefix}one")
        async with producer, producer.transaction():
            await producer.send_and_wait(topic, b"boom", partition=1)
        options: dict[str, Any] = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
        async with AIOKafkaConsumer(topic, bootstrap_servers=kafka, **options) as consumer:
            record = await asyncio.wait_for(consumer.getone(), 20)
            return bytes(record.value)

    assert asyncio.run(there_and_back()) == b"boom"


def test_mongodb_has_transactions(mongodb: str, mongo_database: str) -> None:
    with MongoClient[dict[str, Any]](mongodb) as client:
        documents = client[mongo_database].documents
        with client.start_session() as session, session.start_transaction():
            documents.insert_one({"_id": 1}, session=session)
        assert documents.count_documents({}) == 1


def test_opensearch_finds_what_was_written(opensearch: str, index_prefix: str) -> None:
    def ask(method: str, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(opensearch + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    index = f"/{index_prefix}documents"
    ask("PUT", index, {"settings": {"number_of_replicas": 0}})
    ask("PUT", f"{index}/_doc/1?refresh=true", {"text": "no space left on device"})
    found = ask("GET", f"{index}/_search", {"query": {"match": {"text": "space"}}})
    assert [hit["_id"] for hit in found["hits"]["hits"]] == ["1"]
