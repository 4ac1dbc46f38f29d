import type { OwnVolume } from '@trellis/cloudprovider/contract/testing/harness'

/** Volumes of OpenStack, as its storage driver and Kubernetes' former own plugin describe them. */
export const exampleVolumes: readonly OwnVolume[] = [
  { volume: { csi: { driver: 'cinder.csi.openstack.org', volumeHandle: 'volume-1' } }, id: 'volume-1' },
  { volume: { cinder: { volumeID: 'volume-2' } }, id: 'volume-2' },
]
