import { request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { containerdSocket } from '../render/containerd.ts'
import { kubeletHealthPort } from '../render/kubelet.ts'
import type { UnitName } from '../systemd.ts'

const timeoutMilliseconds = 5_000

/** Whether a unit answers: kubelet's health check says ok, containerd's health service says that it serves. */
export function probeUnit(unit: UnitName, signal: AbortSignal): Promise<boolean> {
  return unit === 'kubelet' ? probeKubelet(kubeletHealthPort, signal) : probeContainerd(containerdSocket)
}

/** Whether the kubelet's health check answers with success. */
export function probeKubelet(port: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const outgoing = request(
      { host: '127.0.0.1', port, path: '/healthz', signal, timeout: timeoutMilliseconds, agent: false },
      (response) => {
        response.resume()
        response.on('error', () => resolve(false))
        response.on('end', () => resolve(response.statusCode === 200))
      },
    )
    outgoing.on('timeout', () => outgoing.destroy())
    outgoing.on('error', () => resolve(false))
    outgoing.end()
  })
}

/** An empty message in gRPC's framing. */
const emptyMessage = Buffer.alloc(5)

/** Whether the standard gRPC health service behind this socket says SERVING. */
export function probeContainerd(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(socket) })
    const settle = (answered: boolean) => {
      resolve(answered)
      session.destroy()
    }
    session.on('error', () => settle(false))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/grpc.health.v1.Health/Check',
      'content-type': 'application/grpc',
      te: 'trailers',
    })
    const chunks: Buffer[] = []
    stream.setTimeout(timeoutMilliseconds, () => settle(false))
    stream.on('error', () => settle(false))
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => settle(saysServing(Buffer.concat(chunks))))
    stream.end(emptyMessage)
  })
}

/** Whether a framed HealthCheckResponse has its only field, status, at 1 (SERVING). */
export function saysServing(frame: Buffer): boolean {
  return frame.length >= 7 && frame[5] === 0x08 && frame[6] === 0x01
}
