variable "name" {
  description = "Prefix of the names of the rule, the policies and the role."
  type        = string
  default     = "spark-broker"
}

variable "queue_name" {
  description = "Name of the submission queue; the broker's `intake[].queueName`. The dead-letter queue is `<queue_name>-dlq`."
  type        = string
  default     = "spark-jobs"

  validation {
    # A FIFO queue stops a whole message group behind one message, which would stop jobs behind jobs.
    condition     = !endswith(var.queue_name, ".fifo")
    error_message = "The submission queue is a standard queue: the broker refuses FIFO queues."
  }
}

variable "table_name" {
  description = "Name of the table; the broker's `store.table`."
  type        = string
  default     = "spark-broker"
}

variable "queue_retention_seconds" {
  description = "How long an undelivered message stays in the submission queue (60 s to 14 days)."
  type        = number
  default     = 345600
}

variable "dead_letter_retention_seconds" {
  description = "How long a parked message stays in the dead-letter queue (up to 14 days)."
  type        = number
  default     = 1209600

  validation {
    # A message keeps its first time stamp when it is moved, so an equal retention would drop it soon after.
    condition     = var.dead_letter_retention_seconds > var.queue_retention_seconds
    error_message = "The dead-letter queue must keep messages longer than the submission queue."
  }
}

variable "visibility_timeout_seconds" {
  description = "How long a received message is hidden; the broker extends it while it holds a message."
  type        = number
  default     = 60
}

variable "max_receive_count" {
  description = "Receives after which SQS itself moves a message to the dead-letter queue; the last resort behind the broker's own parking."
  type        = number
  default     = 100

  validation {
    # Receive counts are approximate and grow by every restart: a low limit would park healthy jobs.
    condition     = var.max_receive_count >= 100 && var.max_receive_count <= 1000
    error_message = "The receive count must be between 100 and 1000."
  }
}

variable "event_bus_name" {
  description = "The event bus that the rule listens on."
  type        = string
  default     = "default"
}

variable "event_pattern" {
  description = "Which events are jobs: an EventBridge pattern. The spec stands in the event's `detail`."
  type        = any
  default     = { "detail-type" = ["Spark Job Submission"] }
}

variable "eks_cluster_arns" {
  description = "ARNs of the EKS clusters in this account that the broker connects to by `connect.eks` without a `roleArn`."
  type        = list(string)
  default     = []
}

variable "assume_role_arns" {
  description = "ARNs of the roles that `connect.eks.roleArn` names, for clusters of other accounts."
  type        = list(string)
  default     = []
}

variable "service_account" {
  description = "Makes a role for the broker's Kubernetes service account: the ARN of the cluster's OIDC provider, its issuer without `https://`, namespace and name. None: attach the policy yourself."
  type = object({
    oidc_provider_arn = string
    oidc_issuer       = string
    namespace         = optional(string, "spark-broker")
    name              = optional(string, "spark-broker")
  })
  default = null
}

variable "create_publisher_policy" {
  description = "Makes a policy for those who submit: send to the queue, put events on the bus, read a submission's record."
  type        = bool
  default     = true
}

variable "deletion_protection" {
  description = "Refuses to delete the table. Submissions and their history are nowhere else."
  type        = bool
  default     = true
}

variable "point_in_time_recovery" {
  description = "Keeps continuous backups of the table."
  type        = bool
  default     = true
}

variable "tags" {
  description = "Tags of everything that the module makes."
  type        = map(string)
  default     = {}
}
