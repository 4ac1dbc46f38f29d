import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Recipe } from '../store/part.ts'

/** Programs that test control planes, the cli and kubebuilder-style tools look for, by the part that holds them. */
const assets: Readonly<Record<string, readonly string[]>> = {
  etcd: ['etcd'],
  kubernetes: [
    'kube-apiserver',
    'kube-controller-manager',
    'kube-scheduler',
    'kube-proxy',
    'kubelet',
    'kubeadm',
    'kubectl',
  ],
  helm: ['helm'],
  'wireguard-go': ['wireguard-go'],
  'wireguard-relay': ['wireguard-relay'],
}

/** The recipe of one directory of links to programs, laid out as `KUBEBUILDER_ASSETS` expects it. */
export function assetsRecipe(): Recipe {
  return {
    part: 'assets',
    needs: Object.keys(assets),
    heavy: false,
    inputs: async (part) => [JSON.stringify(assets), ...Object.keys(assets).map((name) => part(name).directory)],
    make: async ({ directory, part }) => {
      for (const [owner, names] of Object.entries(assets)) {
        for (const name of names) await symlink(join(part(owner).directory, 'bin', name), join(directory, name))
      }
      return 'build'
    },
  }
}
