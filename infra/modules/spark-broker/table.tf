# The attribute names are a public interface: people read a submission by GetItem. They equal what the embedded
# default makes, and a test holds the two together.
resource "aws_dynamodb_table" "broker" {
  name                        = var.table_name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "pk"
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  dynamic "attribute" {
    for_each = toset([
      "pk",
      "backlogPartition", "backlogOrder",
      "livePartition",
      "wishesPartition",
      "recentPartition", "recentOrder",
    ])

    content {
      name = attribute.value
      type = "S"
    }
  }

  # What waits: only while QUEUED, with what scheduling needs and no more.
  global_secondary_index {
    name            = "backlog"
    hash_key        = "backlogPartition"
    range_key       = "backlogOrder"
    projection_type = "INCLUDE"
    non_key_attributes = [
      "acceptedAt", "attempt", "demand", "excludedClusters", "incarnation", "notBefore", "priority", "queue",
      "queueTimeoutAt", "selector", "sparkVersion", "submissionId", "tries", "version",
    ]
  }

  # What a cluster holds: from DISPATCHING until the end.
  global_secondary_index {
    name            = "live"
    hash_key        = "livePartition"
    range_key       = "pk"
    projection_type = "ALL"
  }

  # What somebody asked for and the scheduler still has to do.
  global_secondary_index {
    name            = "wishes"
    hash_key        = "wishesPartition"
    range_key       = "pk"
    projection_type = "ALL"
  }

  # Lists: keys only, the records follow by batch get.
  global_secondary_index {
    name            = "recent"
    hash_key        = "recentPartition"
    range_key       = "recentOrder"
    projection_type = "KEYS_ONLY"
  }

  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }
}
