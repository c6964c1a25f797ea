"""Contender: a worker in Python. It fetches, decodes, works, encodes, publishes with an id, and acks what is confirmed."""

import asyncio
import io
import json
import sys
import time

import nats
import uvloop
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from nats.js.api import AckPolicy, ConsumerConfig

STREAM = "kflow-bench-work"
SCHEMA = parse_schema(
    {
        "type": "record",
        "name": "s3list",
        "namespace": "tech.athea.kosmos",
        "fields": [
            {"name": "url", "type": "string"},
            {"name": "lastModifiedUnixMilli", "type": "long"},
            {"name": "bucket", "type": "string"},
            {"name": "key", "type": "string"},
        ],
    }
)
# How long a request for records waits before the worker asks whether any is left.
FETCH_S = 0.5


def work(record):
    return {
        "url": record["url"],
        "lastModifiedUnixMilli": record["lastModifiedUnixMilli"] + 1,
        "bucket": record["bucket"],
        "key": record["key"],
    }


class Worker:
    def __init__(self, js, job):
        self.js = js
        self.group = job["group"]
        self.at_once = job["inFlight"]
        self.subject = f"kflow.bench.{job['outs'][0]}.work"
        self.held = 0
        self.done = 0
        self.first = 0.0
        self.last = 0.0
        self.room = asyncio.Event()

    async def handle(self, message):
        record = schemaless_reader(io.BytesIO(message.data), SCHEMA, None)
        body = io.BytesIO()
        schemaless_writer(body, SCHEMA, work(record))
        parts = message.reply.split(".")
        message_id = f"{self.group}.{parts[5]}.{parts[7]}"
        await self.js.publish(self.subject, body.getvalue(), headers={"Nats-Msg-Id": message_id})
        await message.ack()
        self.held -= 1
        self.done += 1
        if self.held <= self.at_once // 2:
            self.room.set()
        if self.held == 0:
            self.last = time.time()

    async def run(self, subscription):
        async with asyncio.TaskGroup() as tasks:
            while True:
                self.room.clear()
                if self.held > self.at_once // 2:
                    await self.room.wait()
                try:
                    messages = await subscription.fetch(self.at_once - self.held, timeout=FETCH_S)
                except nats.errors.TimeoutError:
                    if self.held == 0 and await self.is_worked_off():
                        return
                    continue
                if self.first == 0:
                    self.first = time.time()
                self.held += len(messages)
                for message in messages:
                    tasks.create_task(self.handle(message))

    async def is_worked_off(self):
        info = await self.js.consumer_info(STREAM, self.group)
        return info.num_pending + info.num_ack_pending == 0


async def main():
    job = json.loads(sys.argv[1])
    connection = await nats.connect(job["server"])
    js = connection.jetstream()
    config = ConsumerConfig(
        durable_name=job["group"], ack_policy=AckPolicy.EXPLICIT, max_ack_pending=65_536
    )
    await js.add_consumer(STREAM, config)
    subscription = await js.pull_subscribe_bind(durable=job["group"], stream=STREAM)
    worker = Worker(js, job)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await worker.run(subscription)
    await connection.flush()
    await connection.close()
    result = {
        "records": worker.done,
        "firstMs": worker.first * 1000,
        "lastMs": worker.last * 1000,
    }
    print(json.dumps(result))


uvloop.run(main())
