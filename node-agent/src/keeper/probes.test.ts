import { createServer } from 'node:http'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { probeContainerd, probeKubelet, saysServing } from './probes.ts'

const signal = new AbortController().signal

async function kubeletThatAnswers(code: number) {
  const server = createServer((_, response) => response.writeHead(code).end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

describe('probeKubelet', () => {
  it.each([
    [200, true],
    [500, false],
  ])('takes %i for %s', async (code, expected) => {
    await using kubelet = await kubeletThatAnswers(code)
    expect(await probeKubelet(kubelet.port, signal)).toBe(expected)
  })

  it('takes a closed port for no', async () => {
    const { port } = await (async () => {
      await using kubelet = await kubeletThatAnswers(200)
      return kubelet
    })()
    expect(await probeKubelet(port, signal)).toBe(false)
  })
})

async function containerdThatSays(socket: string, answer: (stream: ServerHttp2Stream, path: string) => void) {
  const server = createHttp2Server()
  server.on('stream', (stream, headers) => answer(stream as ServerHttp2Stream, String(headers[':path'])))
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  return { [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())) }
}

describe('probeContainerd', () => {
  const reply = (status: number) => (stream: ServerHttp2Stream, path: string) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' })
    stream.end(path === '/grpc.health.v1.Health/Check' ? Buffer.from([0, 0, 0, 0, 2, 8, status]) : undefined)
  }

  it.each([
    ['SERVING', 1, true],
    ['NOT_SERVING', 2, false],
  ])('understands %s', async (_, status, expected) => {
    await using directory = await createTemporaryDirectory()
    const socket = join(directory.path, 'containerd.sock')
    await using _server = await containerdThatSays(socket, reply(status))
    expect(await probeContainerd(socket)).toBe(expected)
  })

  it('takes a refused stream for no', async () => {
    await using directory = await createTemporaryDirectory()
    const socket = join(directory.path, 'containerd.sock')
    await using _server = await containerdThatSays(socket, (stream) => {
      stream.on('error', () => {})
      stream.close(7)
    })
    expect(await probeContainerd(socket)).toBe(false)
  })

  it('takes a missing socket for no', async () => {
    expect(await probeContainerd('/nowhere/containerd.sock')).toBe(false)
  })
})

it('needs a whole frame to believe in', () => {
  expect(saysServing(Buffer.from([0, 0, 0, 0, 2, 8, 1]))).toBe(true)
  expect(saysServing(Buffer.from([0, 0, 0, 0, 0]))).toBe(false)
})
