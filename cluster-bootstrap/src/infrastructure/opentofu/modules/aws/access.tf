resource "aws_security_group" "nodes" {
  name        = "${var.name}-nodes"
  description = "Machines of ${var.name}"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}/security-group" }
}

resource "aws_vpc_security_group_ingress_rule" "self" {
  description                  = "Machines reach each other, and so do the pods on them."
  security_group_id            = aws_security_group.nodes.id
  referenced_security_group_id = aws_security_group.nodes.id
  ip_protocol                  = "-1"
}

resource "aws_vpc_security_group_egress_rule" "nodes" {
  description       = "Machines reach everything."
  security_group_id = aws_security_group.nodes.id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

locals {
  # Load balancers are in these ranges, whichever way they are reached.
  balancer_rules = {
    for rule in flatten([
      for zone, ranges in var.zones : [
        for place in ["internal", "public"] : [
          for protocol in ["tcp", "udp"] : {
            key      = "${zone}/${place}/${protocol}"
            cidr     = ranges[place]
            protocol = protocol
          }
        ]
      ]
    ]) : rule.key => rule
  }
}

resource "aws_vpc_security_group_ingress_rule" "node_ports" {
  for_each = local.balancer_rules

  description       = "Load balancers reach the node ports of Services."
  security_group_id = aws_security_group.nodes.id
  cidr_ipv4         = each.value.cidr
  ip_protocol       = each.value.protocol
  from_port         = 30000
  to_port           = 32767
}

resource "aws_key_pair" "nodes" {
  count = var.ssh_public_key == null ? 0 : 1

  key_name   = "${var.name}-ssh-publickey"
  public_key = var.ssh_public_key
}
