output "router" {
  description = "Id of the router."
  value       = local.router_id
}

output "network" {
  description = "Id of the network."
  value       = local.network_id
}

output "subnet" {
  description = "Id of the machines' subnet."
  value       = local.subnet_id
}

output "securityGroup" {
  description = "Id of the machines' security group."
  value       = openstack_networking_secgroup_v2.nodes.id
}

output "securityGroupName" {
  description = "Name of the machines' security group."
  value       = openstack_networking_secgroup_v2.nodes.name
}

output "floatingNetwork" {
  description = "Id of the external network."
  value       = data.openstack_networking_network_v2.external.id
}

output "keyName" {
  description = "Name of the key pair."
  value       = openstack_compute_keypair_v2.nodes.name
}
