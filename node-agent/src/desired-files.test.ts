import { exampleControlPlane } from '@trellis/api/testing/node-agent-configurations'
import { isFailure } from '@trellis/foundation/failure'
import { describe, expect, it } from 'vitest'
import { containerFacts, filledWorker, virtualMachineFacts } from '../testing/fakes.ts'
import { type DesiredFile, desiredFiles } from './desired-files.ts'
import { decideHostSettings } from './host-settings.ts'
import { renderNetwork } from './render/network.ts'

const controlPlane = exampleControlPlane({
  machineName: 'garden',
  nodeTaints: [],
  nodeLabels: { 'example.com/zone': 'a' },
})

/** All files as one text that a reviewer can read; certificates and keys are shortened. */
function transcript(files: readonly DesiredFile[]): string {
  return files
    .map(({ path, mode, unit, content }) => {
      const reader = unit === undefined ? '' : `, read by ${unit}`
      return `=== ${path} (0${mode.toString(8)}${reader})\n${shorten(content)}`
    })
    .join('\n')
}

function shorten(content: string): string {
  return content
    .replace(/-----BEGIN ([A-Z ]+)-----[^-]*-----END [A-Z ]+-----/g, '<$1>')
    .replace(/(certificate-authority-data: ).*/, '$1<base64>')
}

describe('desiredFiles', () => {
  it.each([
    ['worker-in-a-container', filledWorker(), containerFacts],
    [
      'worker-on-a-virtual-machine',
      filledWorker({
        nodeTaints: [{ key: 'dedicated', value: 'batch', effect: 'NoSchedule' }],
        nodeLabels: { 'worker.gardener.cloud/pool': 'batch', 'example.com/spare': '' },
        providerId: 'aws:///eu-west-1/{instanceId}',
        kubeletExtra: { maxPods: 42, cpuManagerPolicy: 'static' },
        podCidr: '100.96.3.0/24',
      }),
      virtualMachineFacts,
    ],
    ['control-plane-in-a-container', controlPlane, containerFacts],
    ['control-plane-on-a-virtual-machine', controlPlane, virtualMachineFacts],
  ])('%s', async (name, configuration, facts) => {
    const files = desiredFiles(configuration, facts, decideHostSettings(facts, configuration.features))
    await expect(transcript(files)).toMatchFileSnapshot(`golden/${name}.txt`)
  })

  it('lets root alone read what is secret', () => {
    for (const configuration of [filledWorker(), controlPlane]) {
      const files = desiredFiles(configuration, containerFacts, decideHostSettings(containerFacts))
      const secrets = files.filter(({ content }) => /PRIVATE KEY|abcdef\.0123456789abcdef/.test(content))
      expect(secrets.length).toBeGreaterThan(0)
      expect(secrets.map(({ mode }) => mode)).toEqual(secrets.map(() => 0o600))
    }
  })

  it('derives the public half of the service account key', () => {
    const files = desiredFiles(controlPlane, containerFacts, decideHostSettings(containerFacts))
    expect(files.find(({ path }) => path.endsWith('/sa.pub'))?.content).toMatch(/^-----BEGIN PUBLIC KEY-----/)
  })

  it('names the field of a service account key that is none', () => {
    const { controlPlane: part } = controlPlane
    const broken = {
      ...controlPlane,
      controlPlane: part && { ...part, pki: { ...part.pki, serviceAccountKey: { privateKey: 'x' } } },
    }
    let error: unknown
    try {
      desiredFiles(broken, containerFacts, decideHostSettings(containerFacts))
    } catch (thrown) {
      error = thrown
    }
    expect(isFailure(error, 'Invalid') && error.field).toBe('controlPlane.pki.serviceAccountKey.privateKey')
  })

  it('leaves the identity at the provider out rather than wrong when the metadata did not tell it', () => {
    const facts = { ...containerFacts, instanceId: undefined }
    const files = desiredFiles(filledWorker(), facts, decideHostSettings(facts))
    expect(transcript(files)).not.toContain('providerID')
  })
})

describe('renderNetwork', () => {
  it('is JSON when the range is known', () => {
    expect(JSON.parse(renderNetwork(1460, '10.1.0.0/24'))).toMatchObject({
      plugins: [{ type: 'ptp', mtu: 1460, ipam: { ranges: [[{ subnet: '10.1.0.0/24' }]] } }, { type: 'portmap' }],
    })
  })

  it('becomes JSON when containerd fills the template in for two address families', () => {
    const filled = renderNetwork(1460, undefined)
      .replace(/\{\{range \$i, \$range.*?\{\{end\}\}\[(.*?)\]\{\{end\}\}/, (_, item: string) =>
        ['10.1.0.0/24', 'fd00::/64'].map((range) => `[${item.replace('{{$range}}', range)}]`).join(', '),
      )
      .replace(/\{\{range \$i, \$route.*?\{\{end\}\}(\{".*?\})\{\{end\}\}/, (_, item: string) =>
        ['0.0.0.0/0', '::/0'].map((route) => item.replace('{{$route}}', route)).join(', '),
      )
    expect(JSON.parse(filled).plugins[0].ipam).toEqual({
      type: 'host-local',
      dataDir: '/run/cni-ipam-state',
      ranges: [[{ subnet: '10.1.0.0/24' }], [{ subnet: 'fd00::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    })
  })
})
