import { readdir, stat } from 'node:fs/promises'
import { exampleControlPlane } from '@trellis/api/testing/node-agent-configurations'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it, vi } from 'vitest'
import { createFakeClient, createFakeContext } from '../../testing/fakes.ts'
import { approveServingCertificates, isOwnServingRequest, type SigningRequest } from './serving-certificates.ts'
import { type Claim, directoryToRemove, provideVolumes, type Volume, volumeFor, volumeProvisioner } from './volumes.ts'

const request = (
  spec: Partial<SigningRequest['spec']> = {},
  status: SigningRequest['status'] = {},
): SigningRequest => ({
  apiVersion: 'certificates.k8s.io/v1',
  kind: 'CertificateSigningRequest',
  metadata: { name: 'csr-1' },
  spec: {
    signerName: 'kubernetes.io/kubelet-serving',
    username: 'system:node:garden',
    usages: ['digital signature', 'server auth'],
    ...spec,
  },
  status,
})

describe('isOwnServingRequest', () => {
  it.each([
    ['its own', request(), true],
    ['that of another node', request({ username: 'system:node:other' }), false],
    ['that of an administrator in its name', request({ username: 'kubernetes-admin' }), false],
    ['one for a client certificate', request({ signerName: 'kubernetes.io/kube-apiserver-client-kubelet' }), false],
    ['one that would also be a client', request({ usages: ['server auth', 'client auth'] }), false],
    ['one that is no server', request({ usages: ['digital signature'] }), false],
    ['one that is decided', request({}, { conditions: [{ type: 'Denied' }] }), false],
  ])('%s', (_, candidate, expected) => {
    expect(isOwnServingRequest(candidate, 'garden')).toBe(expected)
  })
})

it('approves what it should and nothing else', async () => {
  const stop = new AbortController()
  const other = { ...request({ username: 'system:node:other' }), metadata: { name: 'csr-2' } }
  const client = createFakeClient((call) =>
    call.method === 'GET' ? { metadata: { resourceVersion: '1' }, items: [request(), other] } : {},
  )
  const context = createFakeContext('/nowhere', { client, configuration: exampleControlPlane() })
  const done = approveServingCertificates(context, stop.signal)
  await context.clock.advance(0)
  expect(client.calls.filter(({ method }) => method === 'PUT')).toMatchObject([
    {
      path: '/apis/certificates.k8s.io/v1/certificatesigningrequests/csr-1/approval',
      body: { status: { conditions: [{ type: 'Approved', status: 'True', reason: 'OwnKubelet' }] } },
    },
  ])
  stop.abort()
  await done
})

const uid = '0d1c2b3a-0000-4000-8000-000000000001'

const claim = (
  changes: Partial<Claim['spec']> = {},
  metadata: Partial<Claim['metadata']> = {},
  phase = 'Pending',
): Claim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: 'data-etcd-0',
    namespace: 'shoot--local--first',
    uid,
    annotations: { 'volume.kubernetes.io/storage-provisioner': volumeProvisioner },
    ...metadata,
  },
  spec: {
    storageClassName: 'default',
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    ...changes,
  },
  status: { phase },
})

describe('volumeFor', () => {
  it('makes the volume that a claim waits for', () => {
    expect(volumeFor(claim(), 'garden')).toMatchObject({
      metadata: { name: `pvc-${uid}` },
      spec: {
        capacity: { storage: '1Gi' },
        claimRef: { namespace: 'shoot--local--first', name: 'data-etcd-0', uid },
        hostPath: { path: `/var/lib/trellis/volumes/pvc-${uid}` },
        persistentVolumeReclaimPolicy: 'Delete',
      },
    })
  })

  it.each([
    ['of another provisioner', claim({}, { annotations: { 'volume.kubernetes.io/storage-provisioner': 'ebs' } })],
    ['that nobody has assigned yet', claim({}, { annotations: {} })],
    ['that has its volume', claim({ volumeName: 'v' })],
    ['that is bound', claim({}, {}, 'Bound')],
    ['that is going away', claim({}, { deletionTimestamp: '2026-01-01T00:00:00Z' })],
    ['for a block device', claim({ volumeMode: 'Block' })],
  ])('makes none for a claim %s', (_, candidate) => {
    expect(volumeFor(candidate, 'garden')).toBeUndefined()
  })
})

const volume = (changes: Partial<Volume['spec']> = {}, phase = 'Released', name = `pvc-${uid}`): Volume => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: { name, annotations: { 'pv.kubernetes.io/provisioned-by': volumeProvisioner } },
  spec: {
    hostPath: { path: `/var/lib/trellis/volumes/${name}` },
    persistentVolumeReclaimPolicy: 'Delete',
    ...changes,
  },
  status: { phase },
})

describe('directoryToRemove', () => {
  it('is the directory of a volume whose claim is gone', () => {
    expect(directoryToRemove(volume())).toBe(`/var/lib/trellis/volumes/pvc-${uid}`)
  })

  it.each([
    ['in use', volume({}, 'Bound')],
    ['to be kept', volume({ persistentVolumeReclaimPolicy: 'Retain' })],
    ['whose path was edited', volume({ hostPath: { path: '/etc' } })],
    ['whose name leads elsewhere', volume({}, 'Released', '../../../etc')],
    ['of another provisioner', { ...volume(), metadata: { name: `pvc-${uid}` } }],
  ])('is nothing for a volume %s', (_, candidate) => {
    expect(directoryToRemove(candidate)).toBeUndefined()
  })
})

describe('provideVolumes', () => {
  it('makes a directory that pods of any user can write to, and removes it with its volume', async () => {
    await using directory = await createTemporaryDirectory()
    const stop = new AbortController()
    let items: { claims: Claim[]; volumes: Volume[] } = { claims: [claim()], volumes: [] }
    const client = createFakeClient((call) => {
      if (call.method !== 'GET') return {}
      const list = call.path.startsWith('/api/v1/persistentvolumeclaims') ? items.claims : items.volumes
      return { metadata: { resourceVersion: '1' }, items: list }
    })
    const context = createFakeContext(directory.path, { client, configuration: exampleControlPlane() })
    const done = provideVolumes(context, stop.signal)
    await vi.waitFor(() => expect(client.calls.some(({ method }) => method === 'POST')).toBe(true))
    const volumes = context.disk.resolve('/var/lib/trellis/volumes')
    expect((await stat(`${volumes}/pvc-${uid}`)).mode & 0o777).toBe(0o777)
    expect((await stat(volumes)).mode & 0o777).toBe(0o700)
    stop.abort()
    await done

    items = { claims: [], volumes: [volume()] }
    const again = new AbortController()
    const removing = provideVolumes(context, again.signal)
    await vi.waitFor(() => expect(client.calls.some(({ method }) => method === 'DELETE')).toBe(true))
    expect(await readdir(volumes)).toEqual([])
    again.abort()
    await removing
  })
})
