resource "google_service_account" "nodes" {
  account_id   = var.service_account_id
  display_name = "Machines of ${var.name}"
}

resource "google_compute_network" "nodes" {
  count = var.network == null ? 1 : 0

  name                    = var.name
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

locals {
  network = var.network == null ? one(google_compute_network.nodes[*].name) : var.network
  router  = var.cloud_router == null ? one(google_compute_router.nodes[*].name) : var.cloud_router
}

resource "google_compute_subnetwork" "nodes" {
  name          = "${var.name}-nodes"
  region        = var.region
  network       = local.network
  ip_cidr_range = var.nodes_cidr
}

resource "google_compute_subnetwork" "internal" {
  count = var.internal_cidr == null ? 0 : 1

  name          = "${var.name}-internal"
  region        = var.region
  network       = local.network
  ip_cidr_range = var.internal_cidr
}

resource "google_compute_router" "nodes" {
  count = var.cloud_router == null ? 1 : 0

  name    = "${var.name}-cloud-router"
  region  = var.region
  network = local.network
}

# Machines have no public addresses: this is their way out.
resource "google_compute_router_nat" "nodes" {
  name                               = "${var.name}-cloud-nat"
  region                             = var.region
  router                             = local.router
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"
  min_ports_per_vm                   = var.min_ports_per_vm

  subnetwork {
    name                    = google_compute_subnetwork.nodes.self_link
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }
}
