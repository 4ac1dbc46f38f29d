import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { configMaps } from '@trellis/api/core/configuration'
import { readTunnelReports, tunnelReportPlace } from '@trellis/api/tunnel-report'
import { createCommandRunner } from '@trellis/foundation/command'
import { startTestControlPlane, type TestControlPlane } from '@trellis/kubernetes/testing/control-plane'
import { eventually } from 'node-wireguard/testing/eventually'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { prepareReport } from './program.ts'

const stack = new AsyncDisposableStack()
const main = fileURLToPath(new URL('../main.ts', import.meta.url))
let directory: string
let plane: TestControlPlane
const links = [{ peer: 'vpn-seed', up: true, outgoing: false }]
let status: object = { up: true, reason: 'connected', explanation: 'the other end answers', links }
let file: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'report-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  plane = stack.use(await startTestControlPlane())
  const server = createServer((_request, response) => response.end(JSON.stringify(status))).listen(0, '127.0.0.1')
  stack.defer(() => void server.close())
  await once(server, 'listening')
  const certificateAuthorityFile = join(directory, 'ca.crt')
  const tokenFile = join(directory, 'token')
  await writeFile(certificateAuthorityFile, plane.certificateAuthority)
  await writeFile(tokenFile, plane.token, { mode: 0o600 })
  const statusUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/status`
  const report = { server: plane.url, certificateAuthorityFile, tokenFile, end: 'vpn-shoot', statusUrl }
  file = join(directory, 'report.json')
  await writeFile(file, JSON.stringify(report))
  await plane.client.create(configMaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata: tunnelReportPlace })
})
afterAll(() => stack[Symbol.asyncDispose]())

const reported = async (reason: string) => {
  const { data = {} } = await plane.client.get(configMaps, tunnelReportPlace)
  const report = readTunnelReports(data).get('vpn-shoot')
  return report?.reason === reason ? report : undefined
}

describe('the report', () => {
  it('reaches a real API server, and follows what the health server shows', async () => {
    const stop = new AbortController()
    const running = (await prepareReport(file))(stop.signal)
    expect(await eventually('the first report', () => reported('connected'))).toMatchObject({
      up: true,
      peers: { 'vpn-seed': true },
    })
    status = { up: false, reason: 'no-answer', explanation: 'UDP is blocked', links }
    expect(await eventually('the change', () => reported('no-answer'))).toMatchObject({ explanation: 'UDP is blocked' })
    stop.abort()
    await running
  })

  it.each([
    ['--report', 'no-such-file.json', /--report: .*no-such-file.json cannot be read/],
    ['--config', 'report.json', /--config: .*no-such-config.json cannot be read/],
  ])('ends the program with one clear error when %s cannot be used', async (_flag, name, error) => {
    const args = [main, '--config', join(directory, 'no-such-config.json'), '--report', join(directory, name)]
    const { code, stderr } = await createCommandRunner().run(process.execPath, args, {
      signal: AbortSignal.timeout(20_000),
    })
    expect([code, stderr.trim().split('\n').length]).toEqual([1, 1])
    expect(stderr).toMatch(error)
  })
})
