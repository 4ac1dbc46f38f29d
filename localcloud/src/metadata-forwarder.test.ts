import { expect, it } from 'vitest'
import { exampleServer } from '../testing/examples.ts'
import { headersFor } from './metadata-forwarder.ts'

it('says who asks, and lets a guest say nothing of that', () => {
  const sent = {
    host: '169.254.169.254',
    connection: 'keep-alive',
    'content-length': '5',
    'x-instance-id': 'somebody-else',
    'x-forwarded-for': '10.0.0.99',
    'x-aws-ec2-metadata-token': 'token',
  }
  expect(headersFor(sent, exampleServer())).toEqual({
    'x-instance-id': 'srv-11111111',
    'x-forwarded-for': '10.250.0.2',
    'x-aws-ec2-metadata-token': 'token',
  })
})
