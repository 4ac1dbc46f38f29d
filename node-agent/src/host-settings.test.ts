import { describe, expect, it } from 'vitest'
import { containerFacts, virtualMachineFacts } from '../testing/fakes.ts'
import { decideHostSettings } from './host-settings.ts'

describe('decideHostSettings', () => {
  it('leaves an ordinary virtual machine all its rights', () => {
    expect(decideHostSettings(virtualMachineFacts)).toEqual({
      cgroupDriver: 'systemd',
      restrictOomScoreAdjustment: false,
      userNamespaceKubelet: false,
      cgroupV1: false,
      enforceAllocatable: true,
      raisedLimits: true,
      reservedMemoryMebibytes: 200,
      sharedConnectionTracking: false,
    })
  })

  it('asks for nothing that a container on a cgroup v1 host without CAP_SYS_RESOURCE would be refused', () => {
    expect(decideHostSettings(containerFacts)).toEqual({
      cgroupDriver: 'cgroupfs',
      restrictOomScoreAdjustment: true,
      userNamespaceKubelet: true,
      cgroupV1: true,
      enforceAllocatable: false,
      raisedLimits: false,
      // 24 GiB that the kernel claims, less the 2 GiB that the machine may use, and the machine's own need.
      reservedMemoryMebibytes: 22 * 1024 + 200,
      sharedConnectionTracking: true,
    })
  })

  it.each([
    ['a container with CAP_SYS_RESOURCE may lower oom scores', { sysResource: true }, false],
    ['but not inside a user namespace', { sysResource: true, initialUserNamespace: false }, true],
  ])('%s', (_, facts, restricted) => {
    const settings = decideHostSettings({ ...containerFacts, ...facts })
    expect(settings.restrictOomScoreAdjustment).toBe(restricted)
    expect(settings.raisedLimits).toBe(!restricted)
    expect(settings.cgroupDriver).toBe('cgroupfs')
  })

  it('runs on a virtual machine with cgroup v1, with the driver of its systemd', () => {
    const settings = decideHostSettings({ ...virtualMachineFacts, cgroupVersion: 1 })
    expect(settings).toMatchObject({ cgroupV1: true, cgroupDriver: 'systemd', userNamespaceKubelet: false })
  })

  it('lets the configuration overrule the facts', () => {
    const settings = decideHostSettings(containerFacts, { userNamespaceKubelet: false, cgroupV1: false })
    expect(settings).toMatchObject({ userNamespaceKubelet: false, cgroupV1: false })
  })
})
