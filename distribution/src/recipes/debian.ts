import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runContained } from '../contained.ts'
import { ensureHostPackages } from '../obtain/host-packages.ts'
import type { debianPin } from '../pins.ts'
import type { Recipe } from '../store/part.ts'

/** Raised when what this recipe does with its inputs changes. */
const revision = '1'

/** Files that packages bring and nobody reads on a machine. */
const unwanted = ['/usr/share/man/*', '/usr/share/locale/*', '/usr/share/info/*', '/usr/share/lintian/*']

/** Records of the installation itself, which differ from one to the next. */
const records = [
  'var/log/dpkg.log',
  'var/log/alternatives.log',
  'var/log/apt',
  'var/log/bootstrap.log',
  'var/cache/ldconfig/aux-cache',
]

/** The recipe of the machines' operating system: a Debian root filesystem, the lowest layer of every machine. */
export function debianRecipe(pin: typeof debianPin): Recipe {
  return {
    part: 'debian',
    needs: [],
    heavy: false,
    inputs: async () => [revision, JSON.stringify(pin), unwanted.join()],
    make: async (workshop) => {
      await ensureHostPackages(workshop.runner, ['mmdebstrap'], (line) => workshop.report('building', line))
      const root = workshop.directory
      workshop.report('building', `${pin.suite}, ${pin.packages.length} packages`)
      await runContained(
        workshop.runner,
        'mmdebstrap',
        [
          ...['--quiet', '--variant=minbase', '--mode=root', '--format=directory'],
          ...unwanted.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
          `--include=${pin.packages.join(',')}`,
          ...[pin.suite, root],
        ],
        {
          environment: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
          ...(workshop.signal === undefined ? {} : { signal: workshop.signal }),
        },
      )
      for (const path of records) await rm(join(root, path), { recursive: true, force: true })
      // Empty, not absent: absent would make systemd take each boot for the first one and reset which units are enabled.
      await writeFile(join(root, 'etc/machine-id'), '')
      return 'build'
    },
  }
}
