# The rules that let machines out are Neutron's own: it gives them to every group.
resource "openstack_networking_secgroup_v2" "nodes" {
  name        = var.name
  description = local.mark
}

resource "openstack_networking_secgroup_rule_v2" "self" {
  description       = "Machines reach each other."
  direction         = "ingress"
  ethertype         = "IPv4"
  remote_group_id   = openstack_networking_secgroup_v2.nodes.id
  security_group_id = openstack_networking_secgroup_v2.nodes.id
}

# Pods bear addresses of their own, so the group alone does not let them in everywhere.
resource "openstack_networking_secgroup_rule_v2" "pods" {
  description       = "Pods reach machines."
  direction         = "ingress"
  ethertype         = "IPv4"
  remote_ip_prefix  = var.pods_cidr
  security_group_id = openstack_networking_secgroup_v2.nodes.id
}

resource "openstack_networking_secgroup_rule_v2" "node_ports" {
  for_each = toset(["tcp", "udp"])

  description       = "Load balancers reach the node ports of Services."
  direction         = "ingress"
  ethertype         = "IPv4"
  protocol          = each.key
  port_range_min    = 30000
  port_range_max    = 32767
  remote_ip_prefix  = "0.0.0.0/0"
  security_group_id = openstack_networking_secgroup_v2.nodes.id
}

resource "openstack_compute_keypair_v2" "nodes" {
  name       = var.name
  public_key = var.ssh_public_key
}
