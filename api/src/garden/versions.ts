import semver from 'semver'

/** A version that a cloud profile offers. */
export interface OfferedVersion {
  version: string
  classification?: string
  expirationDate?: string
}

/** Whether new clusters may use the version at `now`. */
export function isUsableVersion(offered: OfferedVersion, now?: number): boolean {
  if (offered.classification === 'expired' || offered.classification === 'unavailable') return false
  if (offered.expirationDate === undefined || now === undefined) return true
  return Date.parse(offered.expirationDate) > now
}

/** The newest version that new clusters may use, previews only when there is nothing else; undefined when there is none. */
export function newestVersion(offered: readonly OfferedVersion[], now?: number): string | undefined {
  const usable = offered.filter((one) => isUsableVersion(one, now) && parsed(one.version) !== null)
  const settled = usable.filter((one) => one.classification !== 'preview')
  const [newest] = [...(settled.length > 0 ? settled : usable)].sort((a, b) => compareVersions(b.version, a.version))
  return newest?.version
}

/** Negative when `a` is older than `b`, positive when it is newer, 0 when they are the same or one is no version. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parsed(a), parsed(b)]
  return left === null || right === null ? 0 : semver.compare(left, right)
}

/** How many minor versions lie between two versions of the same major one; undefined when that cannot be said. */
export function minorsBetween(older: string, newer: string): number | undefined {
  const [from, to] = [parsed(older), parsed(newer)]
  if (from === null || to === null || from.major !== to.major) return undefined
  return to.minor - from.minor
}

function parsed(version: string) {
  return semver.parse(version, { loose: true })
}
