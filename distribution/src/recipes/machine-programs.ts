import { link, readdir, readlink, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Recipe } from '../store/part.ts'
import { makeFolder } from './layer-files.ts'

/** Where programs lie on a machine. */
const programs = 'opt/trellis/bin'
const plugins = 'opt/cni/bin'

/** Programs of Kubernetes that run on machines; the control plane's come as images. */
const kubernetesPrograms = ['kubelet', 'kubeadm', 'kubectl', 'kube-proxy']

/** The recipe of the layer with the programs that make a machine a node: kubelet and its relatives, containerd, the CNI plugins. */
export function machineProgramsRecipe(): Recipe {
  return {
    part: 'machine-programs',
    needs: ['kubernetes', 'containerd', 'cni-plugins'],
    heavy: false,
    inputs: async () => [JSON.stringify([programs, plugins, kubernetesPrograms])],
    make: async ({ directory, part }) => {
      await makeFolder(directory, programs)
      await makeFolder(directory, plugins)
      await takePrograms(join(part('kubernetes').directory, 'bin'), join(directory, programs), kubernetesPrograms)
      await takePrograms(join(part('containerd').directory, 'bin'), join(directory, programs))
      await takePrograms(join(part('cni-plugins').directory, 'bin'), join(directory, plugins))
      return 'build'
    },
  }
}

/** Takes the named programs (all unless told), and what they are links to, without a second copy on the disk. */
export async function takePrograms(from: string, to: string, names?: readonly string[]): Promise<void> {
  for (const name of names ?? (await readdir(from))) {
    const target = await linkTarget(join(from, name))
    if (target === undefined) {
      await link(join(from, name), join(to, name))
    } else {
      if (!(await readdir(to)).includes(target)) await link(join(from, target), join(to, target))
      await symlink(target, join(to, name))
    }
  }
}

async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return await readlink(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EINVAL') return undefined
    throw error
  }
}
