resource "aws_cloudwatch_event_rule" "submissions" {
  name           = "${var.name}-submissions"
  description    = "Spark jobs for the submission queue"
  event_bus_name = var.event_bus_name
  event_pattern  = jsonencode(var.event_pattern)
  tags           = var.tags
}

# No input transformer: the broker reads the whole envelope and takes the event's `id` as the submission ID.
resource "aws_cloudwatch_event_target" "submissions" {
  rule           = aws_cloudwatch_event_rule.submissions.name
  event_bus_name = var.event_bus_name
  target_id      = "submission-queue"
  arn            = aws_sqs_queue.submissions.arn

  # An event that can't be delivered within a day waits with the parked messages instead of being dropped.
  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }
}

data "aws_iam_policy_document" "rule_to_queue" {
  for_each = {
    submissions  = aws_sqs_queue.submissions.arn
    dead_letters = aws_sqs_queue.dead_letters.arn
  }

  statement {
    sid       = "RuleSends"
    actions   = ["sqs:SendMessage"]
    resources = [each.value]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.submissions.arn]
    }
  }
}

resource "aws_sqs_queue_policy" "submissions" {
  queue_url = aws_sqs_queue.submissions.id
  policy    = data.aws_iam_policy_document.rule_to_queue["submissions"].json
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id
  policy    = data.aws_iam_policy_document.rule_to_queue["dead_letters"].json
}
