import { expect, test } from 'vitest'
import { deployables } from '../bundle.ts'
import { arrangeItems } from '../oci/layer.ts'
import { upstreamImages } from '../pins.ts'
import {
  imageDefinitions,
  imageSets,
  type LayerName,
  type LayerSources,
  layerContents,
  layerNames,
  partsOfLayer,
} from './image-contents.ts'

function sourcesOf(layer: LayerName): LayerSources {
  const deployable = layer.slice('application-'.length)
  return {
    part: (name) => `/cache/${name}`,
    charts: ['shoot-control-plane/Chart.yaml'],
    chartsDirectory: '/repository/charts',
    modules: ['openstack/network.tf'],
    modulesDirectory: '/repository/modules',
    providers: ['registry.opentofu.org/a/b/1.0.0/linux_amd64/terraform-provider-b_v1.0.0'],
    bundle: [`${deployable}-later.mjs`, `${deployable}.mjs`],
    kubernetesPrograms: [{ name: 'kubernetes' }, { name: 'kube-apiserver', target: 'kubernetes' }],
  }
}

/** Paths that an image has, through all its layers. */
function pathsOf(name: keyof typeof imageDefinitions): readonly string[] {
  return imageDefinitions[name].layers.flatMap((layer) => {
    const { items, programs } = layerContents(layer, sourcesOf(layer))
    return [...items.map((item) => item.path), ...programs.map((program) => program.path)]
  })
}

test('there is an image for every upstream name and every deployable but the node agent, and a second of cluster-bootstrap', () => {
  const ours = [...deployables.filter((name) => name !== 'node-agent'), 'cluster-bootstrap-opentofu']
  const expected = [...Object.keys(upstreamImages), ...ours]
  expect(Object.keys(imageDefinitions).sort()).toEqual(expected.sort())
})

test.each(layerNames)('the layer %s is made of absolute paths without contradictions', (layer) => {
  const { items, programs } = layerContents(layer, sourcesOf(layer))
  expect(items.length + programs.length).toBeGreaterThan(0)
  expect(() => arrangeItems(items)).not.toThrow()
})

test.each(layerNames)('the layer %s takes nothing from parts that it does not name', (layer) => {
  const named = new Set(partsOfLayer(layer))
  const { items, programs } = layerContents(layer, sourcesOf(layer))
  const used = [
    ...items.flatMap((item) => (item.kind === 'file' ? [item.source] : [])),
    ...programs.map((p) => p.source),
  ]
  for (const source of used) {
    const part = /^\/cache\/([^/]+)\//.exec(source)?.[1]
    if (part !== undefined) expect(named, source).toContain(part)
  }
})

test.each(Object.keys(imageDefinitions) as (keyof typeof imageDefinitions)[])(
  'the entry point of %s is in its layers',
  (name) => {
    const [program, ...more] = imageDefinitions[name].entrypoint
    const script = more.find((argument) => !argument.startsWith('--'))
    const paths = pathsOf(name)
    if (!name.startsWith('kube-') || name === 'kube-apiserver') expect(paths).toContain(program)
    if (script !== undefined) expect(paths).toContain(script)
  },
)

test('the images of Kubernetes share the layer with its one program', () => {
  for (const name of ['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'] as const) {
    expect(imageDefinitions[name].layers.slice(0, 2)).toEqual(['base', 'kubernetes'])
  }
})

test('cluster-bootstrap has helm, kubectl and the charts; the tunnel ends have their network tools', () => {
  expect(imageDefinitions['cluster-bootstrap'].layers).toEqual(expect.arrayContaining(['kubernetes', 'helm', 'charts']))
  expect(pathsOf('cluster-bootstrap')).toContain('/charts/shoot-control-plane/Chart.yaml')
  for (const name of ['vpn-seed', 'vpn-shoot'] as const) {
    const paths = pathsOf(name)
    for (const tool of [
      '/usr/local/bin/wireguard-go',
      '/usr/local/bin/wireguard-relay',
      '/usr/bin/wg',
      '/usr/bin/ip',
      '/usr/bin/ss',
      '/usr/sbin/nft',
    ]) {
      expect(paths).toContain(tool)
    }
  }
})

test('OpenTofu, its providers and modules are in an image of their own, and in no usual seed', () => {
  const paths = pathsOf('cluster-bootstrap-opentofu')
  expect(paths).toEqual(expect.arrayContaining([...pathsOf('cluster-bootstrap')]))
  expect(paths.filter((path) => !pathsOf('cluster-bootstrap').includes(path))).toEqual([
    '/usr/local/bin/tofu',
    '/opentofu/modules/openstack/network.tf',
    '/opentofu/providers/registry.opentofu.org/a/b/1.0.0/linux_amd64/terraform-provider-b_v1.0.0',
  ])
  expect(imageSets.seed.flatMap((name) => imageDefinitions[name].layers)).not.toContain('opentofu')
})

test('only images that need the network run as root among ours', () => {
  const roots = deployables.filter((name) => name !== 'node-agent' && imageDefinitions[name].user === '0')
  expect(roots).toEqual(['vpn-seed', 'vpn-shoot', 'front-door'])
})

test('machines bring every image that runs on them', () => {
  const everywhere = new Set([...imageSets.worker, ...imageSets['seed-opentofu']])
  expect([...everywhere].sort()).toEqual(Object.keys(imageDefinitions).sort())
})
