import { Failure } from '@trellis/foundation/failure'
import type { Architecture } from '../pins.ts'

/** This machine's architecture; throws `Unimplemented` where no parts exist. */
export function hostArchitecture(architecture: string = process.arch): Architecture {
  if (architecture === 'x64') return 'amd64'
  if (architecture === 'arm64') return 'arm64'
  throw new Failure('Unimplemented', `there are no parts for the architecture ${architecture}`, {
    remedy: 'use a machine with an x86-64 or arm64 processor',
  })
}
