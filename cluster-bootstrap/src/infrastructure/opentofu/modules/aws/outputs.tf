output "vpc" {
  description = "Id of the VPC."
  value       = local.vpc_id
}

output "subnet" {
  description = "Ids of the machines' subnets, by zone, and of those of load balancers, by ZONE/internal and ZONE/public."
  value = merge(
    { for zone, subnet in aws_subnet.nodes : zone => subnet.id },
    { for zone, subnet in aws_subnet.internal : "${zone}/internal" => subnet.id },
    { for zone, subnet in aws_subnet.public : "${zone}/public" => subnet.id },
  )
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
