/** Name of the storage driver whose volumes are the cloud's disks. */
const storageDriver = 'pd.csi.storage.gke.io'

/** The parts of a volume that say where its bytes are. */
interface VolumeSource {
  readonly csi?: { readonly driver?: unknown; readonly volumeHandle?: unknown }
  readonly gcePersistentDisk?: { readonly pdName?: unknown }
}

/** The cloud's ids of the volumes that are its own: handles of its storage driver, names of disks for volumes of before there were such drivers. Others are passed over. */
export function volumeIdsOf(volumes: readonly Readonly<Record<string, unknown>>[]): readonly string[] {
  return volumes.flatMap((volume) => {
    const { csi, gcePersistentDisk } = volume as VolumeSource
    const id = csi?.driver === storageDriver ? csi.volumeHandle : gcePersistentDisk?.pdName
    return typeof id === 'string' && id !== '' ? [id] : []
  })
}
