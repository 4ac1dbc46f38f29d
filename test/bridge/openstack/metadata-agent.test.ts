import { expect, it } from 'vitest'
import { identifyingHeaders } from './metadata-agent.ts'

it('signs the id of a server so that Nova believes it', () => {
  // Made with `printf instance | openssl dgst -sha256 -hmac secret`.
  expect(identifyingHeaders({ id: 'instance', project: 'project' }, 'secret')).toEqual({
    'x-instance-id': 'instance',
    'x-tenant-id': 'project',
    'x-instance-id-signature': 'fac450cbc556373851e9f5755126936b598b1749a007d96b7e0b7f1a5cd274e9',
  })
})
