variable "name" {
  description = "Technical id of the shoot: the name of all that is made."
  type        = string
}

variable "region" {
  description = "Region of the cloud."
  type        = string
}

variable "nodes_cidr" {
  description = "Range of the machines' addresses."
  type        = string
}

variable "pods_cidr" {
  description = "Range of the pods' addresses."
  type        = string
}

variable "floating_pool_name" {
  description = "Name of the external network that the router leads to."
  type        = string
}

variable "floating_pool_subnet_name" {
  description = "Name of the subnet there from which the router gets its address; any when null."
  type        = string
  default     = null
}

variable "router_id" {
  description = "A router of the user's own; one is made when null."
  type        = string
  default     = null
}

variable "network_id" {
  description = "A network of the user's own; one is made when null."
  type        = string
  default     = null
}

variable "subnet_id" {
  description = "A subnet of the user's own in that network; one is made when null."
  type        = string
  default     = null
}

variable "dns_servers" {
  description = "Name servers of the machines."
  type        = list(string)
  default     = []
}

variable "ssh_public_key" {
  description = "Key that machines let in."
  type        = string
}
