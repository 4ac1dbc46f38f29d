/** Where parts are kept: the directory that `TRELLIS_CACHE` names, else the one that all installations of a host share. */
export function cacheDirectoryOf(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.TRELLIS_CACHE ?? '/var/cache/trellis'
}
