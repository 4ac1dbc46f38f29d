variable "name" {
  description = "Technical id of the shoot: names all that is made."
  type        = string
}

variable "service_account_id" {
  description = "Name of the machines' account, which follows from the technical id and is short enough for one."
  type        = string

  validation {
    condition     = length(var.service_account_id) <= 30
    error_message = "Accounts have names of at most 30 characters."
  }
}

variable "project" {
  description = "Project of the account."
  type        = string
}

variable "region" {
  description = "Region of the cloud."
  type        = string
}

variable "network" {
  description = "Name of a network of the user's own; one is made when null."
  type        = string
  default     = null
}

variable "cloud_router" {
  description = "Name of a router of the user's own in that network; one is made when null."
  type        = string
  default     = null
}

variable "nodes_cidr" {
  description = "Range of the machines' addresses."
  type        = string
}

variable "pods_cidr" {
  description = "Range of the pods' addresses."
  type        = string
}

variable "internal_cidr" {
  description = "Range of load balancers inside; there are none when null."
  type        = string
  default     = null
}

variable "min_ports_per_vm" {
  description = "Ports that the address translation keeps for each machine."
  type        = number
  default     = 2048
}
