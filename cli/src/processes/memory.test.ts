import { describe, expect, it } from 'vitest'
import { type ProcessView, programName, reportMemory } from './memory.ts'

const mebibyte = 1024 * 1024

function view(args: readonly string[], residentMebibytes: number, controlGroups = ['/trellis/a1']): ProcessView {
  return { pid: 1, args, residentBytes: residentMebibytes * mebibyte, controlGroups }
}

describe('programName', () => {
  it.each([
    [['/usr/local/bin/kube-apiserver', '--v=2'], 'kube-apiserver'],
    [['/opt/trellis/bin/kubelet'], 'kubelet'],
    [['node', '/app/mcm.mjs', '--namespace=a'], 'mcm'],
    [['/repository/node_modules/.bin/node', '/repository/localcloud/src/main.ts', 'serve'], 'localcloud'],
    [['/repository/node_modules/.bin/node', '/repository/cli/src/main.ts', 'up'], 'trellis'],
    [['/opt/trellis/bin/node-agent', '--config', 'x'], 'node-agent'],
    [['nginx: worker process'], 'nginx: worker process'],
  ])('of %j is %s', (args, name) => {
    expect(programName(view(args, 1))).toBe(name)
  })
})

describe('reportMemory', () => {
  it('sums Trellis and control planes and leaves nodes and strangers out', () => {
    const report = reportMemory(
      [
        view(['kube-apiserver'], 300),
        view(['kube-apiserver'], 280),
        view(['node', '/app/mcm.mjs'], 80),
        view(['kubelet'], 90),
        view(['kube-apiserver'], 999, ['/elsewhere']),
      ],
      (process) => process.controlGroups.includes('/trellis/a1'),
    )
    expect(report.rssMiB).toBe(660)
    expect(report.byClass).toEqual({ trellis: 80, controlPlane: 580, node: 90 })
    expect(report.programs[0]).toEqual({
      name: 'kube-apiserver',
      class: 'controlPlane',
      count: 2,
      rssMiB: 580,
      largestMiB: 300,
    })
  })
})
