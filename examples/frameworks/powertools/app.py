"""Takes the orders of a queue: each record in a transaction of its own, and only those that failed come again."""

from aws_lambda_powertools import Logger, Tracer
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response

from rds_connection import transaction

logger = Logger(service="orders")
tracer = Tracer(service="orders")
processor = BatchProcessor(event_type=EventType.SQS)


@transaction
def save(conn, message, item, context):
    # SQS may deliver a message twice, and one whose COMMIT got no answer comes again: the key makes it one order.
    insert = "INSERT INTO orders (message, item) VALUES (%s, %s) ON CONFLICT (message) DO NOTHING"
    conn.execute(insert, [message, item])


@tracer.capture_method
def take(record, lambda_context):
    save(record.message_id, record.json_body["item"], lambda_context)
    logger.info("saved", message_id=record.message_id)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
def handler(event, context):
    return process_partial_response(event=event, record_handler=take, processor=processor, context=context)
