resource "aws_vpc_dhcp_options" "nodes" {
  count = var.vpc_id == null ? 1 : 0

  domain_name         = var.region == "us-east-1" ? "ec2.internal" : "${var.region}.compute.internal"
  domain_name_servers = ["AmazonProvidedDNS"]

  tags = { Name = "${var.name}/dhcp-options" }
}

resource "aws_vpc" "nodes" {
  count = var.vpc_id == null ? 1 : 0

  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true

  tags = { Name = "${var.name}/vpc" }
}

resource "aws_vpc_dhcp_options_association" "nodes" {
  count = var.vpc_id == null ? 1 : 0

  vpc_id          = aws_vpc.nodes[0].id
  dhcp_options_id = aws_vpc_dhcp_options.nodes[0].id
}

resource "aws_internet_gateway" "nodes" {
  count = var.vpc_id == null ? 1 : 0

  vpc_id = aws_vpc.nodes[0].id

  tags = { Name = "${var.name}/internet-gateway" }
}

data "aws_internet_gateway" "own" {
  count = var.vpc_id == null ? 0 : 1

  filter {
    name   = "attachment.vpc-id"
    values = [var.vpc_id]
  }
}

locals {
  vpc_id     = var.vpc_id == null ? one(aws_vpc.nodes[*].id) : var.vpc_id
  gateway_id = var.vpc_id == null ? one(aws_internet_gateway.nodes[*].id) : one(data.aws_internet_gateway.own[*].internet_gateway_id)
}

resource "aws_route_table" "public" {
  vpc_id = local.vpc_id

  tags = { Name = "${var.name}/route-table" }
}

resource "aws_route" "public" {
  route_table_id         = aws_route_table.public.id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = local.gateway_id
}
