locals {
  # What marks everything of a cluster, whichever engine made it.
  mark = "kubernetes.io-cluster-${var.name}"
}

data "openstack_networking_network_v2" "external" {
  name     = var.floating_pool_name
  external = true
}

data "openstack_networking_subnet_ids_v2" "external" {
  count = var.floating_pool_subnet_name == null ? 0 : 1

  name       = var.floating_pool_subnet_name
  network_id = data.openstack_networking_network_v2.external.id
}

resource "openstack_networking_router_v2" "nodes" {
  count = var.router_id == null ? 1 : 0

  name                = var.name
  description         = local.mark
  admin_state_up      = true
  external_network_id = data.openstack_networking_network_v2.external.id
  external_subnet_ids = one(data.openstack_networking_subnet_ids_v2.external[*].ids)
}

resource "openstack_networking_network_v2" "nodes" {
  count = var.network_id == null ? 1 : 0

  name           = var.name
  description    = local.mark
  admin_state_up = true
}

locals {
  router_id  = var.router_id == null ? one(openstack_networking_router_v2.nodes[*].id) : var.router_id
  network_id = var.network_id == null ? one(openstack_networking_network_v2.nodes[*].id) : var.network_id
}

resource "openstack_networking_subnet_v2" "nodes" {
  count = var.subnet_id == null ? 1 : 0

  name            = var.name
  description     = local.mark
  network_id      = local.network_id
  cidr            = var.nodes_cidr
  ip_version      = 4
  dns_nameservers = var.dns_servers
}

locals {
  subnet_id = var.subnet_id == null ? one(openstack_networking_subnet_v2.nodes[*].id) : var.subnet_id
}

# Whoever brings both has connected them.
resource "openstack_networking_router_interface_v2" "nodes" {
  count = var.router_id != null && var.subnet_id != null ? 0 : 1

  router_id = local.router_id
  subnet_id = local.subnet_id
}
