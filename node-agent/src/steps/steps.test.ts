import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exampleControlPlane } from '@trellis/api/testing/node-agent-configurations'
import { Failure } from '@trellis/foundation/failure'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import { archiveWithImages } from '../../testing/archive.ts'
import { createFakeClient, createFakeContext, createFakeRunner, createFakeSystemd } from '../../testing/fakes.ts'
import { kubeletClientCertificatePath } from '../render/kubelet.ts'
import { createCluster } from './create-cluster.ts'
import { archiveDirectory, importImages, selectArchives } from './import-images.ts'
import { decideLocalEndpoint, localEndpoint, withHostEntry } from './local-endpoint.ts'
import { obtainCertificate } from './obtain-certificate.ts'
import { reachApiServer } from './reach-api-server.ts'
import { readyNode, registerNode } from './ready-node.ts'
import { startUnit } from './start-unit.ts'
import { writeFiles } from './write-files.ts'

const signal = new AbortController().signal

describe('write-files and start-unit', () => {
  it('starts anew only the units whose files changed', async () => {
    await using directory = await createTemporaryDirectory()
    const systemd = createFakeSystemd()
    const context = createFakeContext(directory.path, { systemd })
    await writeFiles(context).run(signal)
    expect(systemd.calls).toEqual(['enable containerd kubelet'])
    expect([...context.changedUnits]).toEqual(['containerd', 'kubelet'])
    await startUnit(context, 'containerd', []).run(signal)
    expect(systemd.calls.at(-1)).toBe('restart containerd')

    const wanted = context.disk.resolve('/etc/systemd/system/multi-user.target.wants')
    await mkdir(wanted, { recursive: true })
    for (const unit of ['containerd', 'kubelet']) await writeFile(join(wanted, `${unit}.service`), '')
    const again = createFakeContext(directory.path, { systemd: createFakeSystemd() })
    await writeFiles(again).run(signal)
    await startUnit(again, 'containerd', []).run(signal)
    expect((again.systemd as typeof systemd).calls).toEqual(['start containerd'])
  })
})

describe('selectArchives', () => {
  const files = ['coredns.tar', 'kube-apiserver.tar', 'kube-proxy.tar', 'pause.tar', 'images.json', 'containerd']
  const sandbox = 'registry.k8s.io/pause:3.10.2'

  it.each([
    ['everything', undefined, ['pause.tar', 'coredns.tar', 'kube-apiserver.tar', 'kube-proxy.tar']],
    ['what is asked for, in that order', ['kube-proxy', 'coredns'], ['pause.tar', 'kube-proxy.tar', 'coredns.tar']],
    ['patterns', ['kube-*'], ['pause.tar', 'kube-apiserver.tar', 'kube-proxy.tar']],
    ['nothing but the sandbox', ['absent', 'c.redns'], ['pause.tar']],
  ])('takes %s, the sandbox first', (_, archives, expected) => {
    expect(selectArchives(files, { sandbox, archives })).toEqual(expected)
  })
})

describe('import-images', () => {
  it('imports and pins what containerd lacks, and nothing else', async () => {
    await using directory = await createTemporaryDirectory()
    const runner = createFakeRunner((call) =>
      call.endsWith('ls -q') ? { stdout: 'registry.k8s.io/pause:3.10.2\n' } : {},
    )
    const context = createFakeContext(directory.path, { runner })
    const archives = context.disk.resolve(archiveDirectory)
    await mkdir(archives, { recursive: true })
    await writeFile(join(archives, 'pause.tar'), archiveWithImages('registry.k8s.io/pause:3.10.2'))
    await writeFile(
      join(archives, 'ours.tar'),
      archiveWithImages('trellis.internal/mcm:1', 'trellis.internal/vpn-seed:2'),
    )
    await importImages(context, []).run(signal)
    const control = '/opt/trellis/bin/ctr --address /run/containerd/containerd.sock --namespace k8s.io images'
    expect(runner.calls).toEqual([
      `${control} ls -q`,
      `${control} import --local ${archives}/ours.tar`,
      `${control} label trellis.internal/mcm:1 io.cri-containerd.pinned=pinned`,
      `${control} label trellis.internal/vpn-seed:2 io.cri-containerd.pinned=pinned`,
    ])
  })

  it('is content with a machine that brought none along', async () => {
    await using directory = await createTemporaryDirectory()
    await importImages(createFakeContext(directory.path), []).run(signal)
  })
})

describe('reach-api-server', () => {
  const run = async (answer: () => unknown) => {
    const context = createFakeContext('/nowhere', { client: createFakeClient(answer) })
    return reachApiServer(context)
      .run(signal)
      .then(
        () => 'done',
        (error: unknown) => error,
      )
  }

  it('is done when a request for a certificate would be taken', async () => {
    expect(await run(() => ({ status: { allowed: true } }))).toBe('done')
  })

  it.each([
    ['the permission', () => ({ status: { allowed: false } }), 'may not ask for certificates yet'],
    [
      'the token',
      () => {
        throw new Failure('Unauthorized', 'Unauthorized')
      },
      'does not know the bootstrap token',
    ],
    [
      'the server',
      () => {
        throw new Failure('Unavailable', 'https://a:1 does not answer')
      },
      'does not answer',
    ],
  ])('says that %s is missing, and waits', async (_, answer, message) => {
    const error = await run(answer)
    expect(error).toMatchObject({ kind: 'Unavailable', message: expect.stringContaining(message) })
  })
})

describe('obtain-certificate', () => {
  it('waits for the file, and says what is missing when it does not come', async () => {
    await using directory = await createTemporaryDirectory()
    const context = createFakeContext(directory.path)
    const late = expect(obtainCertificate(context).run(signal)).rejects.toThrow('was not approved, or not signed')
    await context.clock.advance(30_000)
    await late
    const obtained = obtainCertificate(context).run(signal)
    await context.disk.write(kubeletClientCertificatePath, 'pem', 0o600)
    await obtained
  })
})

describe('register-node and ready-node', () => {
  const node = (status: string, message = '') => ({
    metadata: { name: 'first-a', resourceVersion: '1' },
    status: { conditions: [{ type: 'Ready', status, message }] },
  })
  const answering = (...items: unknown[]) =>
    createFakeClient((call) => (call.method === 'GET' ? { metadata: { resourceVersion: '1' }, items } : {}))

  it('annotates the node as soon as there is one', async () => {
    const client = answering(node('False'))
    const context = createFakeContext('/nowhere', { client })
    const annotated = {
      ...context,
      configuration: { ...context.configuration, nodeAnnotations: { 'example.com/a': 'b' } },
    }
    await registerNode(annotated, []).run(signal)
    expect(client.calls.at(-1)).toMatchObject({
      method: 'PATCH',
      path: '/api/v1/nodes/first-a',
      contentType: 'application/merge-patch+json',
      body: { metadata: { annotations: { 'example.com/a': 'b' } } },
    })
  })

  it('asks for its own node only, as nodes may', async () => {
    const client = answering(node('True'))
    await readyNode(createFakeContext('/nowhere', { client })).run(signal)
    expect(client.calls[0]?.path).toBe('/api/v1/nodes?fieldSelector=metadata.name%3Dfirst-a')
  })

  it('fails with what the kubelet says is missing', async () => {
    const context = createFakeContext('/nowhere', { client: answering(node('False', 'cni plugin not initialized')) })
    const outcome = expect(readyNode(context).run(signal)).rejects.toThrow('cni plugin not initialized')
    await context.clock.advance(30_000)
    await outcome
  })
})

describe('local-endpoint', () => {
  it.each([
    ['an address', '198.18.0.10', 6443, { kind: 'route', address: '198.18.0.10' }],
    ['a name', 'api.example.com', 6443, { kind: 'host-entry', name: 'api.example.com', address: '10.0.0.2' }],
    ["the machine's own address", '10.0.0.2', 6443, { kind: 'none' }],
    ['another port', '198.18.0.10', 443, { kind: 'none' }],
  ])('%s', (_, host, port, expected) => {
    expect(decideLocalEndpoint(host, port, '10.0.0.2')).toEqual(expected)
  })

  it('routes the address to the machine itself', async () => {
    const runner = createFakeRunner()
    await localEndpoint(createFakeContext('/nowhere', { runner, configuration: exampleControlPlane() })).run(signal)
    expect(runner.calls).toEqual(['ip route replace local 198.18.0.10 dev lo table local'])
  })

  it('lets a name mean the machine and nothing else', () => {
    const hosts = '127.0.0.1 localhost\n192.0.2.1 api.example.com other\n'
    const expected = '127.0.0.1 localhost\n10.0.0.2 api.example.com\n'
    expect(withHostEntry(hosts, 'api.example.com', '10.0.0.2')).toBe(expected)
    expect(withHostEntry(expected, 'api.example.com', '10.0.0.2')).toBe(expected)
  })
})

describe('create-cluster', () => {
  it('runs kubeadm until it has succeeded once, and again when its configuration changes', async () => {
    await using directory = await createTemporaryDirectory()
    let code = 1
    const runner = createFakeRunner(() => ({ code, stderr: 'error execution phase wait-control-plane' }))
    const context = createFakeContext(directory.path, { runner, configuration: exampleControlPlane() })
    await context.disk.write('/etc/kubernetes/kubeadm.yaml', 'one', 0o600)
    context.changedUnits.add('kubelet')
    const step = createCluster(context, [])
    await expect(step.run(signal)).rejects.toThrow('wait-control-plane')
    expect([...context.changedUnits]).toEqual(['kubelet'])
    code = 0
    await step.run(signal)
    expect([...context.changedUnits]).toEqual([])
    await step.run(signal)
    expect(runner.calls).toHaveLength(2)
    await context.disk.write('/etc/kubernetes/kubeadm.yaml', 'two', 0o600)
    await step.run(signal)
    expect(runner.calls).toHaveLength(3)
    expect(await readFile(context.disk.resolve('/var/lib/trellis/node-agent/cluster-created'), 'utf8')).toHaveLength(64)
  })
})
