import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** A file that a layer adds to machines. */
export interface LayerFile {
  /** Absolute path on the machine. */
  readonly path: string
  /** The text, or where a symbolic link points. */
  readonly content: { readonly text: string } | { readonly target: string }
  readonly mode?: number
}

/** Writes files below `root`; folders are made readable by everyone, whatever the umask. */
export async function writeLayerFiles(root: string, files: readonly LayerFile[]): Promise<void> {
  for (const file of files) {
    const path = join(root, file.path)
    await makeFolder(root, dirname(file.path))
    if ('target' in file.content) {
      await symlink(file.content.target, path)
    } else {
      await writeFile(path, file.content.text)
      await chmod(path, file.mode ?? 0o644)
    }
  }
}

/** Makes a folder and those above it below `root`, each with mode 0755, as a merged layer shows the topmost layer's modes. */
export async function makeFolder(root: string, path: string): Promise<void> {
  let folder = root
  for (const name of path.split('/').filter((part) => part !== '')) {
    folder = join(folder, name)
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o755)
  }
}
