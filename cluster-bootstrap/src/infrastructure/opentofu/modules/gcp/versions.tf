terraform {
  required_version = "~> 1.12"

  required_providers {
    google = {
      source  = "hashicorp/google"
      version = "~> 6.50"
    }
  }
}

# Who asks stands in the environment of the run (GOOGLE_CREDENTIALS).
provider "google" {
  project = var.project
  region  = var.region
}
