# What the broker calls, verb by verb. Its EKS tokens are signed in process and need no permission of their own.
data "aws_iam_policy_document" "broker" {
  statement {
    sid = "TakeSubmissions"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:GetQueueUrl",
      "sqs:ReceiveMessage",
    ]
    resources = [aws_sqs_queue.submissions.arn]
  }

  statement {
    sid       = "ParkMessages"
    actions   = ["sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]
  }

  statement {
    sid = "KeepRecords"
    actions = [
      "dynamodb:BatchGetItem",
      "dynamodb:DeleteItem",
      "dynamodb:DescribeTable",
      "dynamodb:DescribeTimeToLive",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:UpdateItem",
    ]
    resources = [aws_dynamodb_table.broker.arn]
  }

  statement {
    sid       = "ReadIndexes"
    actions   = ["dynamodb:Query"]
    resources = [aws_dynamodb_table.broker.arn, "${aws_dynamodb_table.broker.arn}/index/*"]
  }

  dynamic "statement" {
    for_each = length(var.eks_cluster_arns) > 0 ? [var.eks_cluster_arns] : []

    content {
      sid       = "FindClusters"
      actions   = ["eks:DescribeCluster"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = length(var.assume_role_arns) > 0 ? [var.assume_role_arns] : []

    content {
      sid       = "ReachOtherAccounts"
      actions   = ["sts:AssumeRole"]
      resources = statement.value
    }
  }
}

resource "aws_iam_policy" "broker" {
  name        = "${var.name}-broker"
  description = "What Spark Broker calls in AWS"
  policy      = data.aws_iam_policy_document.broker.json
  tags        = var.tags
}

data "aws_iam_policy_document" "publisher" {
  statement {
    sid       = "Submit"
    actions   = ["sqs:GetQueueUrl", "sqs:SendMessage"]
    resources = [aws_sqs_queue.submissions.arn]
  }

  statement {
    sid       = "SubmitByEvent"
    actions   = ["events:PutEvents"]
    resources = [data.aws_cloudwatch_event_bus.rule.arn]
  }

  # Records of submissions alone: leases, clusters and the installation are nobody else's business.
  statement {
    sid       = "LookUp"
    actions   = ["dynamodb:GetItem"]
    resources = [aws_dynamodb_table.broker.arn]

    condition {
      test     = "ForAllValues:StringLike"
      variable = "dynamodb:LeadingKeys"
      values   = ["submission#*"]
    }
  }
}

data "aws_cloudwatch_event_bus" "rule" {
  name = var.event_bus_name
}

resource "aws_iam_policy" "publisher" {
  count = var.create_publisher_policy ? 1 : 0

  name        = "${var.name}-publisher"
  description = "What a publisher of Spark jobs needs: submit and look up"
  policy      = data.aws_iam_policy_document.publisher.json
  tags        = var.tags
}

data "aws_iam_policy_document" "trust" {
  count = var.service_account == null ? 0 : 1

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.service_account.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.service_account.oidc_issuer}:sub"
      values   = ["system:serviceaccount:${var.service_account.namespace}:${var.service_account.name}"]
    }

    condition {
      test     = "StringEquals"
      variable = "${var.service_account.oidc_issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "broker" {
  count = var.service_account == null ? 0 : 1

  name               = "${var.name}-broker"
  description        = "Role of the broker's pods"
  assume_role_policy = data.aws_iam_policy_document.trust[0].json
  tags               = var.tags
}

resource "aws_iam_role_policy_attachment" "broker" {
  count = var.service_account == null ? 0 : 1

  role       = aws_iam_role.broker[0].name
  policy_arn = aws_iam_policy.broker.arn
}
