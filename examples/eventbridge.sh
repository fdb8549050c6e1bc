#!/usr/bin/env bash
# Submits a job spec as an event: eventbridge.sh jobs/spark-pi.json
#
# The rule of infra/ brings it to the submission queue; the event's ID, which is printed, is the submission ID.
set -euo pipefail

spec=${1:?usage: eventbridge.sh SPEC.json}
entries=$(python3 -c '
import json, sys
with open(sys.argv[1], encoding="utf-8") as file:
    spec = json.load(file)
print(json.dumps([{
    "Source": "com.example.jobs",
    "DetailType": "Spark Job Submission",
    "Detail": json.dumps(spec),
}]))' "$spec")

# A spec with a submissionId is found by that instead.
aws events put-events --entries "$entries" --query 'Entries[0].[EventId, ErrorMessage]' --output text
