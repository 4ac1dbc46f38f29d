locals {
  bastions = length(var.bastion_cidrs) == 0 ? toset([]) : toset(["bastions"])
}

resource "aws_security_group" "bastions" {
  for_each = local.bastions

  name        = "${var.name}-bastions"
  description = "Bastions of ${var.name}"
  vpc_id      = local.vpc_id

  tags = { Name = "${var.name}/bastions" }
}

resource "aws_vpc_security_group_ingress_rule" "bastion_ssh" {
  for_each = toset(var.bastion_cidrs)

  description       = "People reach bastions."
  security_group_id = aws_security_group.bastions["bastions"].id
  cidr_ipv4         = each.key
  ip_protocol       = "tcp"
  from_port         = 22
  to_port           = 22
}

resource "aws_vpc_security_group_egress_rule" "bastions" {
  for_each = local.bastions

  description       = "Bastions reach everything."
  security_group_id = aws_security_group.bastions[each.key].id
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "-1"
}

resource "aws_vpc_security_group_ingress_rule" "nodes_ssh_bastion" {
  for_each = local.bastions

  description                  = "Bastions reach machines."
  security_group_id            = aws_security_group.nodes.id
  referenced_security_group_id = aws_security_group.bastions[each.key].id
  ip_protocol                  = "tcp"
  from_port                    = 22
  to_port                      = 22
}
