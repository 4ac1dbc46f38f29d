import { access, constants } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@trellis/foundation/failure'

/** Programs of a control plane that are known to be there. */
export interface Binaries {
  path(program: string): string
}

/** Finds programs in a directory; throws `NotFound` with a remedy when there is none, or one is not in it. */
export async function findBinaries(directory: string | undefined, programs: readonly string[]): Promise<Binaries> {
  const remedy = 'run ./trellis test, or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kubectl'
  if (directory === undefined || directory === '') {
    throw new Failure('NotFound', 'KUBEBUILDER_ASSETS is not set', { remedy })
  }
  for (const program of programs) {
    await access(join(directory, program), constants.X_OK).catch((error: unknown) => {
      throw new Failure('NotFound', `there is no program ${program} in ${directory}`, { remedy, cause: error })
    })
  }
  return { path: (program) => join(directory, program) }
}
