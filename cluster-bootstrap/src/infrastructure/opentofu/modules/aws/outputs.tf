output "vpc" {
  description = "Id of the VPC."
  value       = local.vpc_id
}

output "zone" {
  description = "Ids of subnets, by zone: of machines, of load balancers inside and of those that the world reaches."
  value = {
    for zone in keys(var.zones) : zone => {
      subnet         = aws_subnet.nodes[zone].id
      internalSubnet = aws_subnet.internal[zone].id
      publicSubnet   = aws_subnet.public[zone].id
    }
  }
}

output "securityGroup" {
  description = "Id of the machines' security group."
  value       = aws_security_group.nodes.id
}

output "keyName" {
  description = "Name of the key pair; null when there is none."
  value       = one(aws_key_pair.nodes[*].key_name)
}

output "instanceProfile" {
  description = "Name of the machines' instance profile."
  value       = aws_iam_instance_profile.nodes.name
}

output "nodesRole" {
  description = "ARN of the role that machines have."
  value       = aws_iam_role.nodes.arn
}
