import { expect, it } from 'vitest'
import { readHcl } from './hcl-reader.ts'

it('reads blocks, fields and expressions of several lines', () => {
  const text = `# a comment
resource "aws_vpc" "nodes" {
  count = var.vpc_id == null ? 1 : 0

  cidr_block = var.cidr
  tags = {
    Name = var.name
  }

  filter {
    name   = "attachment.vpc-id"
    values = [var.vpc_id]
  }
}

locals {
  rules = flatten([
    for zone in var.zones : {
      key = zone
    }
  ])
  last = 1
}
`
  expect(readHcl(text)).toEqual([
    {
      type: 'resource',
      labels: ['aws_vpc', 'nodes'],
      fields: {
        count: 'var.vpc_id == null ? 1 : 0',
        cidr_block: 'var.cidr',
        tags: '{\n    Name = var.name\n  }',
      },
      blocks: [
        {
          type: 'filter',
          labels: [],
          fields: { name: '"attachment.vpc-id"', values: '[var.vpc_id]' },
          blocks: [],
        },
      ],
    },
    {
      type: 'locals',
      labels: [],
      fields: { rules: 'flatten([\n    for zone in var.zones : {\n      key = zone\n    }\n  ])', last: '1' },
      blocks: [],
    },
  ])
})
