import { link, mkdtemp, readdir, rename, rm, stat, statfs, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CommandRunner, runOrThrow } from '@trellis/foundation/command'
import { Failure } from '@trellis/foundation/failure'

/** Folders of containerd's root that make up a store. */
export const storeFolders = {
  content: 'io.containerd.content.v1.content',
  metadata: 'io.containerd.metadata.v1.bolt',
  snapshots: 'io.containerd.snapshotter.v1.overlayfs',
} as const

/** What making a store needs. */
export interface StoreOptions {
  readonly runner: CommandRunner
  /** Directory with `containerd` and `ctr`. */
  readonly programs: string
  /** The OCI archive to unpack, and the references in it. */
  readonly archive: string
  readonly references: readonly string[]
  /** Directory that becomes the store; it must not exist. */
  readonly directory: string
  readonly signal: AbortSignal | undefined
}

/** Magic number of file systems that are overlays themselves, on which no snapshot can be unpacked. */
const overlayFileSystem = 0x794c7630

/**
 * Unpacks an archive into a new containerd root, by containerd itself: what a machine would do at each start is done once. Throws
 * `Unavailable` when an image did not arrive whole.
 */
export async function makeStore(options: StoreOptions): Promise<void> {
  const { runner, directory, references } = options
  await refuseOverlay(join(directory, '..'))
  await using daemon = await startContainerd(options)
  await daemon.control('images', 'import', '--local', options.archive)
  for (const reference of references)
    await daemon.control('images', 'label', reference, 'io.cri-containerd.pinned=pinned')
  const missing = missingImages(await daemon.control('images', 'check'), references)
  if (missing.length > 0) throw new Failure('Unavailable', `containerd did not unpack ${missing.join(', ')}`)
  await daemon.stop()
  const kept: readonly string[] = Object.values(storeFolders)
  for (const name of await readdir(directory)) {
    if (!kept.includes(name)) await rm(join(directory, name), { recursive: true, force: true })
  }
  // containerd holds its databases locked until its very end.
  await runOrThrow(runner, 'flock', ['--nonblock', join(directory, storeFolders.metadata, 'meta.db'), 'true'])
}

/** The references that the answer of `ctr images check` does not call complete and unpacked. */
export function missingImages(answer: string, references: readonly string[]): readonly string[] {
  const rows = answer.split('\n').map((line) => line.split(/\s+/))
  const whole = new Set(rows.filter((row) => row.includes('complete') && row.includes('true')).map((row) => row[0]))
  return references.filter((reference) => !whole.has(reference))
}

async function refuseOverlay(directory: string): Promise<void> {
  const { type } = await statfs(directory)
  if (type !== overlayFileSystem) return
  throw new Failure('Invalid', `${directory} lies on an overlay file system, where images cannot be unpacked`, {
    field: 'TRELLIS_CACHE',
    remedy: 'let TRELLIS_CACHE name a directory on ext4 or xfs, such as a volume',
  })
}

interface Daemon extends AsyncDisposable {
  control(...args: readonly string[]): Promise<string>
  /** Ends containerd and waits until its databases are closed. */
  stop(): Promise<void>
}

/** A containerd that runs nothing: it stores. Its socket lies in a short path, since such paths may not be longer than 107 bytes. */
async function startContainerd(options: StoreOptions): Promise<Daemon> {
  const { runner, directory, programs } = options
  const state = await mkdtemp(join(tmpdir(), 'trellis-store-'))
  const socket = join(state, 'containerd.sock')
  const configuration = join(state, 'config.toml')
  await writeFile(configuration, storeConfiguration(directory, state, socket))
  const ending = new AbortController()
  const signal = options.signal === undefined ? ending.signal : AbortSignal.any([options.signal, ending.signal])
  const booted = Promise.withResolvers<void>()
  const ended = runner
    .run('setpriv', ['--pdeathsig', 'KILL', join(programs, 'containerd'), '--config', configuration], {
      signal,
      onLine: (line) => {
        if (line.includes('containerd successfully booted')) booted.resolve()
      },
    })
    .then(
      (result) => booted.reject(new Failure('Unavailable', `containerd ended: ${result.stderr.slice(-1000)}`)),
      (error: unknown) => booted.reject(error),
    )
  const stop = async () => {
    ending.abort()
    await ended
    await runner.run('flock', ['--wait', '30', join(directory, storeFolders.metadata, 'meta.db'), 'true'])
    await rm(state, { recursive: true, force: true })
  }
  await booted.promise
  return {
    control: (...args) =>
      runOrThrow(runner, join(programs, 'ctr'), ['--address', socket, '--namespace', 'k8s.io', ...args]),
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function storeConfiguration(root: string, state: string, socket: string): string {
  const unused = [
    ...['grpc.v1.cri', 'cri.v1.images', 'cri.v1.runtime', 'nri.v1.nri', 'internal.v1.opt'],
    ...['btrfs', 'devmapper', 'zfs', 'erofs', 'blockfile', 'native'].map((name) => `snapshotter.v1.${name}`),
  ]
  return [
    'version = 3',
    `root = ${JSON.stringify(root)}`,
    `state = ${JSON.stringify(join(state, 'run'))}`,
    `disabled_plugins = ${JSON.stringify(unused.map((name) => `io.containerd.${name}`))}`,
    '[grpc]',
    `address = ${JSON.stringify(socket)}`,
    '[ttrpc]',
    `address = ${JSON.stringify(`${socket}.ttrpc`)}`,
    // A store that a power cut spoils never gets into the cache.
    "[plugins.'io.containerd.metadata.v1.bolt']",
    'no_sync = true',
    '',
  ].join('\n')
}

/** A file that images have, and the file on this host with the same bytes. */
export interface StoredFile {
  readonly path: string
  readonly source: string
}

/**
 * Replaces unpacked copies of the files by hard links to their sources, so that disk and page cache hold each only once. A file that
 * lies on another file system keeps its copy, and so does one whose source is gone: a layer may have been made from an older entry of the cache with the same bytes, which has made way since.
 */
export async function shareFiles(storeDirectory: string, files: readonly StoredFile[]): Promise<void> {
  const snapshots = join(storeDirectory, storeFolders.snapshots, 'snapshots')
  for (const snapshot of await readdir(snapshots)) {
    for (const file of files) await shareFile(join(snapshots, snapshot, 'fs', file.path), file.source)
  }
}

async function shareFile(copy: string, source: string): Promise<void> {
  const [there, here] = await Promise.all([copy, source].map((path) => stat(path).catch(() => undefined)))
  if (
    there === undefined ||
    here === undefined ||
    !there.isFile() ||
    there.size !== here.size ||
    there.mode !== here.mode
  )
    return
  const temporary = `${copy}.shared`
  try {
    await link(source, temporary)
  } catch (error) {
    if (['EXDEV', 'EMLINK', 'EPERM', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) return
    throw error
  }
  await rename(temporary, copy)
}

/**
 * Lines for systemd-tmpfiles that put the store, which lies read-only at `source` on the machine, into containerd's root before
 * containerd starts: databases are copied, everything else is linked.
 */
export async function storeFileLines(storeDirectory: string, source: string, root: string): Promise<readonly string[]> {
  const blobs = join(storeFolders.content, 'blobs/sha256')
  const snapshots = join(storeFolders.snapshots, 'snapshots')
  const linked = await Promise.all(
    [blobs, snapshots].map(async (folder) =>
      (await readdir(join(storeDirectory, folder))).sort().map((name) => join(folder, name)),
    ),
  )
  return [
    `d ${root} 0711 root root -`,
    `d ${join(root, storeFolders.content)} 0755 root root -`,
    `d ${join(root, storeFolders.content, 'ingest')} 0755 root root -`,
    `d ${join(root, storeFolders.content, 'blobs')} 0755 root root -`,
    `d ${join(root, blobs)} 0755 root root -`,
    `d ${join(root, storeFolders.metadata)} 0711 root root -`,
    `d ${join(root, storeFolders.snapshots)} 0700 root root -`,
    `d ${join(root, snapshots)} 0700 root root -`,
    ...[join(storeFolders.metadata, 'meta.db'), join(storeFolders.snapshots, 'metadata.db')].map(
      (path) => `C ${join(root, path)} - - - - ${join(source, path)}`,
    ),
    ...linked.flat().map((path) => `L ${join(root, path)} - - - - ${join(source, path)}`),
  ]
}
