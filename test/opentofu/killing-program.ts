import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'

/** A program that runs another one and kills it, its plugins and itself at a moment that a test chooses. */
export interface KillingProgram extends AsyncDisposable {
  readonly path: string
}

/**
 * Makes a program that runs `program` and passes its output on. Before it would pass on the line that tells of the `at`-th thing that was made or deleted, everything in
 * its process group gets SIGKILL: the cloud has done the step, and nobody has heard of it.
 */
export async function createKillingProgram(program: string, at: number): Promise<KillingProgram> {
  const directory = await createTemporaryDirectory()
  const path = join(directory.path, 'tofu')
  const script = `#!/bin/bash
'${program}' "$@" | {
  told=0
  while IFS= read -r line; do
    case "$line" in *'"action":"create"'*'"type":"apply_complete"'* | *'"action":"delete"'*'"type":"apply_complete"'*)
      told=$((told + 1))
      [ "$told" = ${at} ] && kill -KILL 0
    esac
    printf '%s\\n' "$line"
  done
}
exit "\${PIPESTATUS[0]}"
`
  await writeFile(path, script)
  await chmod(path, 0o755)
  return { path, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() }
}
