"""A service in another language, which knows nothing of Surehop but docs/wire-format.md.

    worker.py publish QUEUE            one message for each line of standard input: {"id", "body"}
    worker.py consume QUEUE COUNT      handles so many messages of the queue, and prints a line for each

The handler fails as the body says: {"fail": n} fails n times, {"fail": "for good"} is laid aside.
"""

import json
import os
import sys
from datetime import datetime, timezone

import pika

PERSISTENT = 2
DELAYS_MS = [200, 400]  # the contract's


def connect():
    connection = pika.BlockingConnection(pika.URLParameters(os.environ["AMQP_URL"]))
    channel = connection.channel()
    channel.confirm_delivery()
    return connection, channel


def publish(queue):
    connection, channel = connect()
    for line in sys.stdin:
        message = json.loads(line)
        properties = pika.BasicProperties(
            message_id=message["id"],
            content_type="application/json",
            delivery_mode=PERSISTENT,
            headers={"tenant": "acme", "count": 3, "tags": ["a", "b"]},
        )
        body = json.dumps(message["body"]).encode()
        channel.basic_publish("", queue, body, properties, mandatory=True)
    connection.close()


def consume(queue, count):
    connection, channel = connect()
    channel.basic_qos(prefetch_count=1)
    for method, properties, body in channel.consume(queue):
        headers = properties.headers or {}
        attempt = headers.get("surehop-attempt", 0) + 1
        try:
            handle(json.loads(body), attempt)
            outcome = "done"
        except Exception as error:
            outcome = fail(channel, queue, method, properties, body, attempt, error)
        channel.basic_ack(method.delivery_tag)
        print(json.dumps({"id": properties.message_id, "attempt": attempt, "outcome": outcome}), flush=True)
        count -= 1
        if count == 0:
            break
    channel.cancel()
    connection.close()


def handle(body, attempt):
    fail = body.get("fail", 0)
    if fail == "for good":
        raise ValueError("nobody knows this order")
    if attempt <= fail:
        raise TimeoutError("no answer after %d ms" % (attempt * 100))


def fail(channel, queue, method, properties, body, attempt, error):
    """Stores a copy first; only then does the caller acknowledge the original."""
    now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    before = properties.headers or {}
    kept = {name: value for name, value in before.items() if not name.startswith("x-")}
    name, text = type(error).__name__, str(error)
    headers = {
        **kept,
        "surehop-attempt": attempt,
        "surehop-first-failed-at": before.get("surehop-first-failed-at", now),
        "surehop-failed-at": now,
        "surehop-error-name": name,
        "surehop-error-message": text,
        "surehop-history": [
            *before.get("surehop-history", []),
            {"at": now, "name": name, "message": text, "consumer": "worker.py"},
        ][-10:],
        "surehop-queue": queue,
        "surehop-exchange": before.get("surehop-exchange", method.exchange),
        "surehop-routing-key": before.get("surehop-routing-key", method.routing_key),
    }
    is_dead = isinstance(error, ValueError) or attempt > len(DELAYS_MS)
    if is_dead:
        headers["surehop-reason"] = "dead-letter" if isinstance(error, ValueError) else "failed"
    target = f"{queue}.dead-letter" if is_dead else f"{queue}.retry.{DELAYS_MS[attempt - 1]}"
    copy = pika.BasicProperties(
        message_id=properties.message_id,
        content_type=properties.content_type,
        timestamp=properties.timestamp,
        delivery_mode=PERSISTENT,
        headers=headers,
    )
    channel.basic_publish("", target, body, copy, mandatory=True)  # raises unless it is stored
    return "dead" if is_dead else "retried"


if __name__ == "__main__":
    command, queue, *rest = sys.argv[1:]
    if command == "publish":
        publish(queue)
    else:
        consume(queue, int(rest[0]))
