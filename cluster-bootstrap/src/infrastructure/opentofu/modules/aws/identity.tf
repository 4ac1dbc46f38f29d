data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# What kubelets ask of the cloud themselves: which instances there are.
data "aws_iam_policy_document" "nodes" {
  statement {
    actions   = ["ec2:DescribeInstances"]
    resources = ["*"]
  }
}

resource "aws_iam_role" "nodes" {
  name               = "${var.name}-nodes"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "nodes" {
  name   = "${var.name}-nodes"
  role   = aws_iam_role.nodes.id
  policy = data.aws_iam_policy_document.nodes.json
}

resource "aws_iam_instance_profile" "nodes" {
  name = "${var.name}-nodes"
  role = aws_iam_role.nodes.name
}

resource "aws_iam_role" "bastions" {
  for_each = local.bastions

  name               = "${var.name}-bastions"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "bastions" {
  for_each = local.bastions

  name   = "${var.name}-bastions"
  role   = aws_iam_role.bastions[each.key].id
  policy = data.aws_iam_policy_document.nodes.json
}

resource "aws_iam_instance_profile" "bastions" {
  for_each = local.bastions

  name = "${var.name}-bastions"
  role = aws_iam_role.bastions[each.key].name
}
