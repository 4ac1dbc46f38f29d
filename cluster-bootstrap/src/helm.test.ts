import { readFile, stat } from 'node:fs/promises'
import { secrets } from '@trellis/api/core/configuration'
import type { CommandOptions, CommandRunner } from '@trellis/foundation/command'
import { createSeededRandom } from '@trellis/foundation/random'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { createFakeClient } from '@trellis/kubernetes/testing/fake-client'
import { describe, expect, it } from 'vitest'
import { createHelm, type Release } from './helm.ts'

const release: Release = {
  name: 'control-plane',
  chart: 'shoot-control-plane',
  namespace: 'shoot--local--first',
  values: { technicalId: 'shoot--local--first', userData: 'secret words' },
}

function bench(result: { readonly code: number; readonly stderr?: string } = { code: 0 }) {
  const client = createFakeClient({ clock: createVirtualClock(), random: createSeededRandom('helm') })
  const runs: { args: readonly string[]; options: CommandOptions; kubeconfig: string | undefined; mode: number }[] = []
  const runner: CommandRunner = {
    run: async (_, args, options = {}) => {
      const file = args[args.indexOf('--kubeconfig') + 1]
      const given = args.includes('--kubeconfig') && file !== undefined
      const kubeconfig = given ? await readFile(file, 'utf8') : undefined
      runs.push({ args, options, kubeconfig, mode: given ? (await stat(file)).mode & 0o777 : 0 })
      return { code: result.code, stdout: '', stderr: result.stderr ?? '' }
    },
  }
  return { client, runs, helm: createHelm({ runner, program: '/usr/local/bin/helm', chartsDirectory: '/charts' }) }
}

describe('helm', () => {
  it('gets values by standard input and credentials by a file of our own, never by arguments', async () => {
    const { client, runs, helm } = bench()
    await helm.install({ client, kubeconfig: 'private kubeconfig' }, release)
    const [run] = runs
    expect(run?.args.slice(0, 4)).toEqual(['upgrade', '--install', 'control-plane', '/charts/shoot-control-plane'])
    expect(run?.options.input).toBe(JSON.stringify(release.values))
    expect(run?.kubeconfig).toBe('private kubeconfig')
    expect(run?.mode).toBe(0o600)
    expect(run?.args.join(' ')).not.toMatch(/secret words|private kubeconfig/)
    const file = run?.args[run.args.indexOf('--kubeconfig') + 1] ?? ''
    await expect(stat(file)).rejects.toMatchObject({ code: 'ENOENT' })
  })

  it('uses the cluster that it runs in when there is no kubeconfig', async () => {
    const { client, runs, helm } = bench()
    await helm.install({ client, kubeconfig: undefined }, release)
    expect(runs[0]?.args).not.toContain('--kubeconfig')
  })

  it('forgets an operation that was killed in the middle, and nothing else', async () => {
    const { client, helm } = bench()
    const put = (name: string, labels: Record<string, string>) =>
      client.create(secrets, {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace: release.namespace, labels },
      })
    await put('dead', { owner: 'helm', name: 'control-plane', status: 'pending-upgrade' })
    await put('done', { owner: 'helm', name: 'control-plane', status: 'deployed' })
    await put('other', { owner: 'helm', name: 'machines', status: 'pending-install' })
    await helm.install({ client, kubeconfig: undefined }, release)
    const { items } = await client.list(secrets)
    expect(items.map((one) => one.metadata.name).sort()).toEqual(['done', 'other'])
  })

  it.each([
    { said: "Error: values don't meet the specifications of the schema(s)", kind: 'Invalid' },
    { said: 'Error: execution error at (x.yaml:1:2): values.images lacks etcd', kind: 'Invalid' },
    { said: 'Error: Kubernetes cluster unreachable', kind: 'Unavailable' },
  ])('folds "$said" into $kind', async ({ said, kind }) => {
    const { client, helm } = bench({ code: 1, stderr: said })
    await expect(helm.install({ client, kubeconfig: undefined }, release)).rejects.toMatchObject({
      kind,
      message: expect.stringContaining(said.slice(0, 20)),
    })
  })
})
