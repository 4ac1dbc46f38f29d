import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { httpConnectParser } from './configuration.ts'
import { networksOf } from './program.ts'

const file = {
  port: 9443,
  certificateFile: '/tls.crt',
  keyFile: '/tls.key',
  clientAuthorityFile: '/ca.crt',
  networks: { pods: ['100.96.0.0/16'], services: ['100.64.0.1/16', 'fd00:64::/108'] },
  healthPort: 9111,
}

describe('the configuration of http-connect', () => {
  it('is what the README shows', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8')
    const [, example = ''] = [...readme.matchAll(/```json\n(.*?)```/gs)].map(([, text]) => text)
    expect(httpConnectParser.fits(JSON.parse(example))).toBe(true)
  })

  it.each([
    ['idleSecond', { idleSecond: 1 }],
    ['port', { port: 70_000 }],
    ['networks.pod', { networks: { pod: ['100.96.0.0/16'] } }],
    ['networks.pods', { networks: { pods: [] } }],
    ['clientAuthorityFile', { clientAuthorityFile: '' }],
    ['connectSeconds', { connectSeconds: 0 }],
  ])('names %s when it is wrong', (field, change) => {
    expect(() => httpConnectParser.parse({ ...file, ...change })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field }),
    )
  })

  it('gives the networks of all kinds', () => {
    expect(networksOf(httpConnectParser.parse(file))).toEqual(['100.96.0.0/16', '100.64.0.0/16', 'fd00:64::/108'])
  })

  it.each([
    ['networks', {}],
    ['networks.nodes[1]', { nodes: ['10.250.0.0/16', '10.250.0.0/99'] }],
  ])('names %s when nothing can be reached by it', (field, networks) => {
    expect(() => networksOf({ ...file, networks })).toThrow(expect.objectContaining({ kind: 'Invalid', field }))
  })
})
