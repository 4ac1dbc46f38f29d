import { describe, expect, it } from 'vitest'
import { readCatalogue } from './catalogue.ts'

const endpoint = (url: string, change: Readonly<Record<string, unknown>> = {}) => ({
  interface: 'public',
  region: 'one',
  url,
  ...change,
})

describe('the catalogue', () => {
  it('is reduced to one address of each service, without the version that is added later', () => {
    const listed = [
      {
        type: 'compute',
        endpoints: [endpoint('https://inner/v2.1', { interface: 'internal' }), endpoint('https://c/v2.1/')],
      },
      { type: 'network', endpoints: [endpoint('https://n/v2.0', { region: 'two' }), endpoint('https://n/v2.0/')] },
      { type: 'image', endpoints: [endpoint('https://i/')] },
      { type: 'volumev2', endpoints: [endpoint('https://v/v2/p')] },
      { type: 'volumev3', endpoints: [endpoint('https://v/v3/p')] },
      { type: 'load-balancer', endpoints: [endpoint('https://l/v2')] },
      { type: 'object-store', endpoints: [endpoint('https://o')] },
    ]
    const addresses = readCatalogue(listed, { region: 'one' }).map(({ type, endpoints }) => [type, endpoints[0]?.url])
    expect(Object.fromEntries(addresses)).toEqual({
      compute: 'https://c/v2.1',
      network: 'https://n',
      image: 'https://i',
      volumev3: 'https://v/v3/p',
      'load-balancer': 'https://l',
    })
  })

  it.each(['block-storage', 'volumev3', 'volume'])('finds volumes under %s', (type) => {
    const listed = [{ type, endpoints: [endpoint('https://v/v3')] }]
    expect(readCatalogue(listed, { region: 'one' }).map((one) => one.type)).toEqual(['volumev3'])
  })

  it('takes the interface that is wished', () => {
    const listed = [
      { type: 'compute', endpoints: [endpoint('https://c'), endpoint('https://i', { interface: 'internal' })] },
    ]
    expect(readCatalogue(listed, { region: 'one', interface: 'internal' })[0]?.endpoints[0]?.url).toBe('https://i')
  })

  it('says which regions there are', () => {
    const listed = [{ type: 'compute', endpoints: [endpoint('https://c'), endpoint('https://d', { region: 'two' })] }]
    expect(() => readCatalogue(listed, { region: 'three' })).toThrow(
      expect.objectContaining({ kind: 'Invalid', field: 'providerSpec.spec.region', remedy: 'choose from one, two' }),
    )
    expect(() => readCatalogue([], { region: 'one' })).toThrow(expect.objectContaining({ kind: 'Invalid' }))
  })

  it.each([undefined, null, {}, 'text'])('is no catalogue: %j', (listed) => {
    expect(() => readCatalogue(listed, { region: 'one' })).toThrow(expect.objectContaining({ kind: 'Unavailable' }))
  })

  it('passes over entries that make no sense', () => {
    const sound = {
      type: 'compute',
      endpoints: [endpoint('ftp://c'), endpoint('no address'), null, endpoint('https://c')],
    }
    const listed = [null, 7, { type: 'compute' }, { endpoints: [] }, sound]
    expect(readCatalogue(listed, { region: 'one' })).toHaveLength(1)
  })
})
