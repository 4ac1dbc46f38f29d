import { globSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { hostPackages } from '@trellis/distribution/obtain/host-packages'
import { debianPin } from '@trellis/distribution/pins'
import { describe, expect, it } from 'vitest'
import { isTest, readSources, repository } from './sources.ts'

interface Manifest {
  readonly name: string
  readonly workspaces?: readonly string[]
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

interface Workspace {
  readonly folder: string
  readonly manifest: Manifest
  /** Packages that its product imports, and those that its tests import. */
  readonly product: ReadonlySet<string>
  readonly tests: ReadonlySet<string>
}

const root = readManifest('.')
const folders = [...(root.workspaces ?? [])].sort((a, b) => b.length - a.length)
const sources = readSources()
const workspaces = folders.map(readWorkspace)
const ownPackages = new Set(workspaces.map(({ manifest }) => manifest.name))
const everywhere = new Set(workspaces.flatMap(({ product, tests }) => [...product, ...tests]))
const documented = readSections(readFileSync(join(repository, 'docs/dependencies.md'), 'utf8'))

/** What lock files of Python packages are named after. */
const pythonLocks = globSync('**/*.lock.txt', {
  cwd: repository,
  exclude: (name) => name === 'node_modules',
}).map((path) => basename(path, '.lock.txt'))

/** Packages of the root that are run instead of imported. */
const programs = new Set(['node', 'typescript', '@biomejs/biome'])

function readManifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(repository, folder, 'package.json'), 'utf8')) as Manifest
}

function readWorkspace(folder: string): Workspace {
  const files = sources.filter(({ path }) => folders.find((one) => path.startsWith(`${one}/`)) === folder)
  const packages = (wanted: typeof files) => new Set(wanted.flatMap(({ imports }) => imports.flatMap(packageOf)))
  return {
    folder,
    manifest: readManifest(folder),
    product: packages(files.filter(({ path }) => !isTest(path))),
    tests: packages(files.filter(({ path }) => isTest(path))),
  }
}

/** The package that an import comes from, if it comes from one. */
function packageOf(specifier: string): readonly string[] {
  const match = /^(?:@[a-z0-9-]+\/)?[a-z0-9][a-z0-9._-]*(?=\/|$)/.exec(specifier)
  return match === null ? [] : [match[0]]
}

/** The names that each section lists, as in `- name — why`. */
function readSections(text: string): ReadonlyMap<string, readonly string[]> {
  const sections = text.split(/^## /m).slice(1)
  return new Map(
    sections.map((section) => {
      const [title = '', ...lines] = section.split('\n')
      return [title, lines.flatMap((line) => /^- (\S+) — \S/.exec(line)?.[1] ?? [])]
    }),
  )
}

function declared(manifest: Manifest): readonly string[] {
  return Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })
}

function sorted(names: Iterable<string>): readonly string[] {
  return [...names].sort()
}

describe.each(workspaces)('dependencies of $folder', ({ folder, manifest, product, tests }) => {
  const runtime = Object.keys(manifest.dependencies ?? {})
  const development = Object.keys(manifest.devDependencies ?? {})

  it('are all that its product imports, and no more', () => {
    expect(sorted(runtime)).toEqual(sorted([...product].filter((name) => name !== manifest.name)))
  })

  it('are, for tests, all that only they import, and no more', () => {
    const ofRoot = Object.keys(root.devDependencies ?? {})
    const wanted = [...tests].filter(
      (name) => name !== manifest.name && !runtime.includes(name) && !ofRoot.includes(name),
    )
    expect(sorted(development)).toEqual(sorted(wanted))
  })

  it('are explained in docs/dependencies.md', () => {
    const foreign = declared(manifest).filter((name) => !ownPackages.has(name))
    expect(sorted(documented.get(folder) ?? [])).toEqual(sorted(foreign))
  })
})

describe('what the whole repository needs', () => {
  it('is used', () => {
    const isUsed = (name: string): boolean =>
      programs.has(name) ||
      everywhere.has(name) ||
      name === '@types/node' ||
      everywhere.has(name.replace('@types/', ''))
    expect(declared(root).filter((name) => !isUsed(name))).toEqual([])
  })

  it.each([
    ['repository', declared(root)],
    ['Go modules', [...readdirSync(join(repository, 'distribution/modules')), 'toolchain']],
    ['Debian packages of machines', debianPin.packages],
    ['Debian packages of the host', new Set<string>(Object.values(hostPackages).flat())],
    ['Python packages of tests', pythonLocks],
  ])('is explained in docs/dependencies.md: %s', (section, names) => {
    expect(sorted(documented.get(section) ?? [])).toEqual(sorted(names))
  })

  it('has no section about what is not there', () => {
    const others = ['Debian packages of machines', 'Debian packages of the host', 'Python packages of tests']
    const known = [...folders, 'repository', 'Go modules', ...others]
    expect([...documented.keys()].filter((section) => !known.includes(section))).toEqual([])
  })
})
