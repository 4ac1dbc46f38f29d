resource "aws_subnet" "nodes" {
  for_each = var.zones

  vpc_id            = local.vpc_id
  availability_zone = each.key
  cidr_block        = each.value.workers

  tags = { Name = "${var.name}/zone/${each.key}/subnet-workers" }
}

resource "aws_subnet" "internal" {
  for_each = var.zones

  vpc_id            = local.vpc_id
  availability_zone = each.key
  cidr_block        = each.value.internal

  tags = {
    Name                              = "${var.name}/zone/${each.key}/subnet-internal"
    "kubernetes.io/role/internal-elb" = "1"
  }
}

resource "aws_subnet" "public" {
  for_each = var.zones

  vpc_id            = local.vpc_id
  availability_zone = each.key
  cidr_block        = each.value.public

  tags = {
    Name                     = "${var.name}/zone/${each.key}/subnet-public"
    "kubernetes.io/role/elb" = "1"
  }
}

resource "aws_eip" "nat" {
  for_each = { for zone, ranges in var.zones : zone => ranges if ranges.elastic_ip_allocation_id == null }

  domain = "vpc"

  tags = { Name = "${var.name}/zone/${each.key}/elastic-ip" }
}

resource "aws_nat_gateway" "nodes" {
  for_each = var.zones

  allocation_id = each.value.elastic_ip_allocation_id == null ? aws_eip.nat[each.key].id : each.value.elastic_ip_allocation_id
  subnet_id     = aws_subnet.public[each.key].id

  tags = { Name = "${var.name}/zone/${each.key}/nat-gateway" }

  # It can be reached from outside only through the gateway.
  depends_on = [aws_route.public]
}

resource "aws_route_table" "nodes" {
  for_each = var.zones

  vpc_id = local.vpc_id

  tags = { Name = "${var.name}/zone/${each.key}/route-table" }

  # The cloud controller writes the routes to pods into it.
  lifecycle {
    ignore_changes = [route]
  }
}

resource "aws_route" "nat" {
  for_each = var.zones

  route_table_id         = aws_route_table.nodes[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.nodes[each.key].id
}

resource "aws_route_table_association" "nodes" {
  for_each = var.zones

  subnet_id      = aws_subnet.nodes[each.key].id
  route_table_id = aws_route_table.nodes[each.key].id
}

resource "aws_route_table_association" "internal" {
  for_each = var.zones

  subnet_id      = aws_subnet.internal[each.key].id
  route_table_id = aws_route_table.nodes[each.key].id
}

resource "aws_route_table_association" "public" {
  for_each = var.zones

  subnet_id      = aws_subnet.public[each.key].id
  route_table_id = aws_route_table.public.id
}
