output "queue_url" {
  description = "URL of the submission queue: where messages are sent."
  value       = aws_sqs_queue.submissions.id
}

output "queue_arn" {
  description = "ARN of the submission queue."
  value       = aws_sqs_queue.submissions.arn
}

output "dead_letter_queue_url" {
  description = "URL of the dead-letter queue: where parked messages wait."
  value       = aws_sqs_queue.dead_letters.id
}

output "table_name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.broker.name
}

output "event_rule_arn" {
  description = "ARN of the rule that brings events to the submission queue."
  value       = aws_cloudwatch_event_rule.submissions.arn
}

output "broker_policy_arn" {
  description = "ARN of the policy for the broker's role."
  value       = aws_iam_policy.broker.arn
}

output "broker_policy" {
  description = "The broker's policy as JSON."
  value       = data.aws_iam_policy_document.broker.json
}

output "publisher_policy_arn" {
  description = "ARN of the policy for those who submit; null where none was asked for."
  value       = one(aws_iam_policy.publisher[*].arn)
}

output "broker_role_arn" {
  description = "ARN of the role for the broker's service account; null where none was asked for."
  value       = one(aws_iam_role.broker[*].arn)
}
