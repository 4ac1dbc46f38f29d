terraform {
  required_version = "~> 1.12"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
  }
}

# Who asks stands in the environment of the run (AWS_*).
provider "aws" {
  region = var.region

  # Everything says whose it is; names are those of the other engine, by which both find things.
  default_tags {
    tags = {
      "kubernetes.io/cluster/${var.name}" = "1"
    }
  }
}
