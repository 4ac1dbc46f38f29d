output "network" {
  description = "Name of the network."
  value       = local.network
}

output "subnetwork" {
  description = "Name of the machines' subnetwork."
  value       = google_compute_subnetwork.nodes.name
}

output "internalSubnetwork" {
  description = "Name of the subnetwork of load balancers inside; null when there is none."
  value       = one(google_compute_subnetwork.internal[*].name)
}

output "cloudRouter" {
  description = "Name of the router."
  value       = local.router
}

output "serviceAccountEmail" {
  description = "The account that machines have."
  value       = google_service_account.nodes.email
}
