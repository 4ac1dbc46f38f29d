import { createSystemClock } from '@trellis/foundation/clock'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { describe, expect, it } from 'vitest'
import { eventually } from '../testing/eventually.ts'
import { openUapiServer } from '../testing/uapi-server.ts'
import { generatePrivateKey } from './key.ts'
import { createUapiClient } from './uapi-client.ts'
import { createUapiDevice } from './uapi-device.ts'
import { DeviceRefusal } from './uapi-protocol.ts'

const clock = createSystemClock()

describe('the client of the configuration protocol', () => {
  it('returns the lines of an answer', async () => {
    await using server = await openUapiServer(() => 'listen_port=7\nerrno=0\n\n')
    const client = createUapiClient({ clock, socketPath: server.socketPath })
    expect(await client.request('get=1\n\n')).toEqual(['listen_port=7'])
    expect(server.requests).toEqual(['get=1\n\n'])
  })

  it('throws what the device refuses, with its number', async () => {
    await using server = await openUapiServer(() => 'errno=-98\n\n')
    const failure = await createUapiClient({ clock, socketPath: server.socketPath })
      .request('set=1\n\n')
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(DeviceRefusal)
    expect(failure).toMatchObject({ kind: 'Conflict', errno: 98 })
  })

  it('does not wait for ever', async () => {
    await using server = await openUapiServer(() => 'silence')
    const virtual = createVirtualClock()
    const answer = createUapiClient({ clock: virtual, socketPath: server.socketPath }).request('get=1\n\n')
    const refused = expect(answer).rejects.toMatchObject({ kind: 'Unavailable' })
    await eventually('the request', () => (server.requests.length > 0 ? true : undefined))
    await virtual.advance(5000)
    await refused
  })

  it('says that a device hung up, and that there is none', async () => {
    await using server = await openUapiServer(() => undefined)
    const client = createUapiClient({ clock, socketPath: server.socketPath })
    await expect(client.request('get=1\n\n')).rejects.toMatchObject({ kind: 'Unavailable' })
    await server.die()
    await expect(client.request('get=1\n\n')).rejects.toMatchObject({ kind: 'NotFound' })
  })

  it('sees the end of the process behind the socket', async () => {
    await using server = await openUapiServer(() => 'errno=0\n\n')
    const client = createUapiClient({ clock, socketPath: server.socketPath })
    let closed = false
    const watching = client.closed(new AbortController().signal).then(() => {
      closed = true
    })
    await client.request('get=1\n\n')
    expect(closed).toBe(false)
    await server.die()
    await watching
  })
})

describe('a device behind the protocol', () => {
  it('is sent nothing when nothing differs', async () => {
    const privateKey = generatePrivateKey(createSeededRandom('uapi'))
    const hex = Buffer.from(privateKey, 'base64').toString('hex')
    await using server = await openUapiServer((request) =>
      request.startsWith('get') ? `private_key=${hex}\nlisten_port=7\nerrno=0\n\n` : 'errno=0\n\n',
    )
    const device = createUapiDevice(createUapiClient({ clock, socketPath: server.socketPath }))
    await device.apply({ privateKey, listenPort: 7, peers: [] })
    expect(server.requests).toEqual(['get=1\n\n'])
    await device.apply({ privateKey, listenPort: 8, peers: [] })
    expect(server.requests.slice(1)).toEqual(['get=1\n\n', 'set=1\nlisten_port=8\n\n'])
  })
})
