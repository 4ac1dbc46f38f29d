import { gunzipSync } from 'node:zlib'
import { isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { certificateLike, exampleControlPlane, exampleWorker } from '../testing/node-agent-configurations.ts'
import { bootstrapTokenPlaceholder, machineNamePlaceholder } from './node-agent-configuration.ts'
import { renderUserData, userDataLimitBytes } from './user-data.ts'

const digest = 'a'.repeat(64)

function compressedParts(text: string): string[] {
  return [...text.matchAll(/encoding: gz\+b64\n {2}content: (\S+)/g)].map((match) =>
    gunzipSync(Buffer.from(match[1] ?? '', 'base64')).toString(),
  )
}

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

describe('renderUserData', () => {
  it('is a cloud-config that writes both files for root alone and starts the agent', () => {
    const text = renderUserData(exampleWorker())
    expect(text.startsWith('#cloud-config\nwrite_files:\n- path: /etc/trellis/machine.json\n')).toBe(true)
    expect(text).toContain('- path: /etc/trellis/node-agent.json\n  permissions: ')
    expect(text.match(/permissions: '0600'/g)).toHaveLength(2)
    expect(text.endsWith('runcmd:\n- [systemctl, enable, --now, trellis-node-agent.service]\n')).toBe(true)
  })

  it('keeps each placeholder readable exactly once, since the machine controller replaces text', () => {
    const text = renderUserData(exampleWorker())
    expect(text.split(bootstrapTokenPlaceholder)).toHaveLength(2)
    expect(text.split(machineNamePlaceholder)).toHaveLength(2)
    expect(text.replaceAll(machineNamePlaceholder, 'first-a').includes('"machineName":"first-a"')).toBe(true)
  })

  it('does not compress a part in which a caller put a placeholder of his own', () => {
    const labels = { 'example.com/machine': machineNamePlaceholder }
    const text = renderUserData(exampleWorker({ nodeLabels: labels }))
    expect(text).toContain(`"example.com/machine":"${machineNamePlaceholder}"`)
  })

  it('compresses what is long and leaves what is short', () => {
    const [pool] = compressedParts(renderUserData(exampleWorker()))
    expect(JSON.parse(pool ?? '')).toMatchObject({ role: 'worker', worker: { caBundle: certificateLike } })
    expect(pool).not.toContain('bootstrapToken')
    expect(compressedParts(renderUserData({ ...exampleWorker(), worker: shortWorker }))).toEqual([])
  })

  it('renders the same text for the same input', () => {
    expect(renderUserData(exampleWorker())).toBe(renderUserData(exampleWorker()))
  })

  it('holds a whole control plane within the limit', () => {
    expect(Buffer.byteLength(renderUserData(exampleControlPlane()))).toBeLessThan(userDataLimitBytes)
  })

  it('brings unit and program along when the image lacks them, checked by digest', () => {
    const text = renderUserData(exampleWorker(), { agent: { url: 'https://example.com/node-agent', sha256: digest } })
    expect(text).toContain('- path: /etc/systemd/system/trellis-node-agent.service\n')
    expect(text).toContain(`    echo '${digest}  /opt/trellis/bin/node-agent.partial' | sha256sum -c -\n`)
    expect(text.indexOf('sha256sum')).toBeLessThan(text.indexOf('mv /opt/trellis/bin/node-agent.partial'))
    expect(text.indexOf('daemon-reload')).toBeLessThan(text.indexOf('[systemctl, enable'))
  })

  it.each([
    ['agent.url', { url: "https://example.com/'; rm -rf /", sha256: digest }],
    ['agent.sha256', { url: 'https://example.com/node-agent', sha256: 'abc' }],
  ])('refuses an agent whose %s cannot be right', (field, agent) => {
    const error = thrownBy(() => renderUserData(exampleWorker(), { agent }))
    expect(isFailure(error, 'Invalid') && error.field).toBe(field)
  })

  it('refuses what clouds would refuse, and says which part is how long', () => {
    const noise = Array.from({ length: 900 }, (_, index) => [`example.com/${index ** 7}`, `${index ** 5}`])
    const error = thrownBy(() => renderUserData(exampleWorker({ nodeLabels: Object.fromEntries(noise) })))
    expect(isFailure(error, 'Invalid') && error.field).toBe('userData')
    expect(String(error)).toMatch(/user-data has \d+ bytes \(identity \d+, configuration \d+\), clouds accept 16384/)
  })

  it('refuses a configuration that does not fit its schema', () => {
    const error = thrownBy(() => renderUserData({ ...exampleWorker(), worker: undefined }))
    expect(isFailure(error, 'Invalid') && error.field).toBe('worker')
  })
})

const shortWorker = { apiServer: 'https://a:1', caBundle: '-', bootstrapToken: '-' }
