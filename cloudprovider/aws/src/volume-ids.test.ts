import { expect, it } from 'vitest'
import { volumeIds } from './volume-ids.ts'

it.each([
  ['of the CSI driver', { csi: { driver: 'ebs.csi.aws.com', volumeHandle: 'vol-1' } }, ['vol-1']],
  ['of Kubernetes itself', { awsElasticBlockStore: { volumeID: 'vol-1' } }, ['vol-1']],
  ['of Kubernetes itself, with a zone', { awsElasticBlockStore: { volumeID: 'aws://eu-west-1a/vol-1' } }, ['vol-1']],
  ['of another driver', { csi: { driver: 'efs.csi.aws.com', volumeHandle: 'fs-1' } }, []],
  ['without a handle', { csi: { driver: 'ebs.csi.aws.com' } }, []],
  ['of no cloud', { hostPath: { path: '/x' } }, []],
])('finds volumes %s, by spec or whole', (_reason, spec, ids) => {
  expect(volumeIds({ volumes: [spec] })).toEqual(ids)
  expect(volumeIds({ volumes: [{ metadata: { name: 'pv' }, spec }] })).toEqual(ids)
})
