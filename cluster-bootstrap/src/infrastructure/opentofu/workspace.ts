import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** Everything that OpenTofu works with, in one directory of a single run. */
export interface Workspace extends AsyncDisposable {
  readonly directory: string
  /** Where OpenTofu keeps the state while it runs. */
  readonly statePath: string
  /** Variables that make OpenTofu use this directory and nothing else. */
  readonly environment: Readonly<Record<string, string>>
  /** The state as it is now; undefined when there is none yet. */
  readState(): Promise<string | undefined>
}

/** What a workspace is made of. */
export interface WorkspaceOptions {
  /** Holds workspaces. A file system in memory: states do not belong on disks. */
  readonly parentDirectory: string
  /** Directory with the module's `*.tf` files. */
  readonly moduleDirectory: string
  /** Filesystem mirror of providers. */
  readonly providersDirectory: string
  readonly variables: Readonly<Record<string, unknown>>
  /** State to begin with. */
  readonly state: string | undefined
  /** What exists at the cloud and is in no state: import identifiers by address. */
  readonly imports: Readonly<Record<string, string>>
}

const stateName = 'terraform.tfstate'
const settingsName = 'settings.tofurc'

/** Lays a workspace out. Only this user can read it; disposing removes it. */
export async function createWorkspace(options: WorkspaceOptions): Promise<Workspace> {
  const directory = await mkdtemp(join(options.parentDirectory, 'tofu-'))
  const dispose = () => rm(directory, { recursive: true, force: true })
  const statePath = join(directory, stateName)
  try {
    await copyModule(options.moduleDirectory, directory)
    const files = {
      'terraform.tfvars.json': JSON.stringify(options.variables),
      'imports.tf': importBlocks(options.imports),
      [settingsName]: settings(options.providersDirectory),
      ...(options.state === undefined ? {} : { [stateName]: options.state }),
    }
    for (const [name, text] of Object.entries(files)) await writeFile(join(directory, name), text, { mode: 0o600 })
  } catch (error) {
    await dispose()
    throw error
  }
  return {
    directory,
    statePath,
    environment: {
      HOME: directory,
      TMPDIR: directory,
      TF_CLI_CONFIG_FILE: join(directory, settingsName),
      TF_IN_AUTOMATION: '1',
      TF_INPUT: '0',
    },
    readState: async () => readFile(statePath, 'utf8').catch(() => undefined),
    [Symbol.asyncDispose]: dispose,
  }
}

async function copyModule(from: string, to: string): Promise<void> {
  const names = (await readdir(from)).filter((name) => name.endsWith('.tf'))
  for (const name of names) await copyFile(join(from, name), join(to, name))
}

/** Providers come from the mirror alone: without `direct`, nothing is asked of any registry. */
function settings(providersDirectory: string): string {
  return `provider_installation {\n  filesystem_mirror {\n    path = ${hclText(providersDirectory)}\n  }\n}\n`
}

/** Blocks by which OpenTofu takes over what exists instead of making it again. */
export function importBlocks(imports: Readonly<Record<string, string>>): string {
  return Object.entries(imports)
    .map(([address, id]) => `import {\n  to = ${address}\n  id = ${hclText(id)}\n}\n`)
    .join('\n')
}

/** A text as HCL writes it: JSON's escapes, and no templates. */
function hclText(text: string): string {
  return JSON.stringify(text).replaceAll(/([$%])\{/g, (template, sign) => `${sign}${template}`)
}
