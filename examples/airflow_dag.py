"""A daily Airflow DAG whose Spark job goes through the broker.

The submission ID is made of the run, so a retried task submits the same job and not a second one.
Needs Airflow 3, `apache-airflow-providers-amazon` and the connection `aws_default`.
"""

from datetime import datetime, timedelta

from airflow.providers.amazon.aws.hooks.dynamodb import DynamoDBHook
from airflow.providers.amazon.aws.operators.sqs import SqsPublishOperator
from airflow.sdk import PokeReturnValue, dag, task
from airflow.sdk.exceptions import AirflowFailException

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/spark-jobs"
TABLE = "spark-broker"
SUBMISSION_ID = "daily-orders-{{ ds_nodash }}"

SPEC = """{
  "submissionId": "%s",
  "applicationName": "DailyOrders",
  "queue": "prod",
  "sparkVersion": "3.5.0",
  "mainApplicationFile": "s3://example-jobs/orders/daily.py",
  "arguments": ["--date", "{{ ds }}"],
  "driver": {"cores": 1, "memory": "2g", "serviceAccount": "emr-containers-sa-spark"},
  "executor": {"instances": 4, "cores": 2, "memory": "8g"}
}""" % SUBMISSION_ID


@task.sensor(poke_interval=30, timeout=6 * 3600, mode="reschedule")
def ended(submission_id: str) -> PokeReturnValue:
    """Wait for the end; fail at once where it isn't success."""
    key = {"pk": f"submission#{submission_id}"}
    item = DynamoDBHook().get_conn().Table(TABLE).get_item(Key=key, ConsistentRead=True).get("Item", {})
    state = item.get("state")
    if state in ("FAILED", "CANCELLED", "REJECTED"):
        raise AirflowFailException(f"{submission_id} is {state}: {item.get('reason')} {item.get('message', '')}")
    return PokeReturnValue(is_done=state == "SUCCEEDED", xcom_value=submission_id)


@dag(
    schedule="@daily",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1)},
)
def daily_orders():
    submit = SqsPublishOperator(task_id="submit", sqs_queue=QUEUE_URL, message_content=SPEC)
    submit >> ended(SUBMISSION_ID)


daily_orders()
