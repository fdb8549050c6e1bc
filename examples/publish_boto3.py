"""Submit a job spec and follow it to its end, with boto3 alone.

    python publish_boto3.py jobs/spark-pi.json

Works against AWS, or against `spark-broker dev` with AWS_ENDPOINT_URL_SQS=http://127.0.0.1:9324 and
AWS_ENDPOINT_URL_DYNAMODB=http://127.0.0.1:8000. Exits 0 when the job succeeded, 1 when it ended otherwise.
"""

import json
import os
import sys
import time

import boto3

QUEUE = os.environ.get("SPARK_JOBS_QUEUE", "spark-jobs")
TABLE = os.environ.get("SPARK_BROKER_TABLE", "spark-broker")
ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "REJECTED"}


def submit(path: str) -> str:
    """Send the spec; its submission ID is the one in it, else the one of the message."""
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    sent = sqs.send_message(QueueUrl=url, MessageBody=json.dumps(spec))
    return spec.get("submissionId", sent["MessageId"])


def follow(submission_id: str) -> str:
    """Print each new state until the last, which is returned."""
    table = boto3.client("dynamodb")
    key = {"pk": {"S": f"submission#{submission_id}"}}
    shown = None
    while True:
        item = table.get_item(TableName=TABLE, Key=key, ConsistentRead=True).get("Item", {})
        state = item.get("state", {}).get("S")
        if state != shown:
            print(submission_id, state, flush=True)
            shown = state
        if state in ENDED:
            return state
        time.sleep(1)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(0 if follow(submit(sys.argv[1])) == "SUCCEEDED" else 1)
