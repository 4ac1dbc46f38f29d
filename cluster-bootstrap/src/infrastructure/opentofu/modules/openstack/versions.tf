terraform {
  required_version = "~> 1.12"

  required_providers {
    openstack = {
      source  = "terraform-provider-openstack/openstack"
      version = "~> 3.4"
    }
  }
}

# Who asks, and where, stands in the environment of the run (OS_*).
provider "openstack" {
  region = var.region
}
