variable "name" {
  description = "Technical id of the shoot: names all that is made."
  type        = string
}

variable "region" {
  description = "Region of the cloud."
  type        = string
}

variable "vpc_id" {
  description = "A VPC of the user's own, with an internet gateway; one is made when null."
  type        = string
  default     = null
}

variable "vpc_cidr" {
  description = "Range of the VPC that is made."
  type        = string
}

variable "zones" {
  description = "Ranges by zone: of machines, of load balancers inside and of those that the world reaches."
  type = map(object({
    workers  = string
    internal = string
    public   = string
    # Allocation of an address of the user's own for what leaves the zone; one is made when null.
    elastic_ip_allocation_id = optional(string)
  }))
}

variable "bastion_cidrs" {
  description = "Ranges from which bastions may be reached by SSH; without them there is nothing for bastions."
  type        = list(string)
  default     = []
}

variable "ssh_public_key" {
  description = "Key that machines let in; without it there is no key pair."
  type        = string
  default     = null
}
