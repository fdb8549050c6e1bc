# Everything that the broker needs in one AWS account, with the names of its default configuration.

terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.40"
    }
  }
}

# Region and credentials come from the environment (AWS_REGION, AWS_PROFILE ...).
provider "aws" {}

variable "eks_cluster_arns" {
  description = "ARNs of the EKS clusters that run the jobs."
  type        = list(string)
  default     = []
}

variable "deletion_protection" {
  description = "Refuses to delete the table; switch it off and apply before `terraform destroy`."
  type        = bool
  default     = true
}

variable "service_account" {
  description = "The broker's service account, as the module's variable of that name."
  type = object({
    oidc_provider_arn = string
    oidc_issuer       = string
  })
  default = null
}

module "spark_broker" {
  source = "../../modules/spark-broker"

  eks_cluster_arns    = var.eks_cluster_arns
  deletion_protection = var.deletion_protection
  service_account     = var.service_account
  tags                = { application = "spark-broker" }
}

output "queue_url" {
  description = "Send job specs here."
  value       = module.spark_broker.queue_url
}

output "dead_letter_queue_url" {
  description = "Parked messages wait here."
  value       = module.spark_broker.dead_letter_queue_url
}

output "table_name" {
  description = "Look submissions up here, under the key `submission#<id>`."
  value       = module.spark_broker.table_name
}

output "broker_policy_arn" {
  description = "The broker's policy."
  value       = module.spark_broker.broker_policy_arn
}

output "broker_role_arn" {
  description = "Goes into the chart's `serviceAccount.annotations` as `eks.amazonaws.com/role-arn`; null without `service_account`."
  value       = module.spark_broker.broker_role_arn
}
