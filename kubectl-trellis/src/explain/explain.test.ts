import type { Event } from '@trellis/api/core/event'
import type { MachinePhase, MachineStatus } from '@trellis/api/machine/machine'
import type { MachineSet } from '@trellis/api/machine/machine-set'
import { at, epoch, launched, ownedBy, setOf } from '@trellis/mcm/testing/objects'
import { describe, expect, it } from 'vitest'
import { explanationOf } from './explanation.ts'
import { type MachineFacts, mentions } from './facts.ts'
import { renderExplanation } from './render.ts'

const set: MachineSet = setOf(1)
const event = (
  seconds: number,
  kind: string,
  name: string,
  reason: string,
  note: string,
  changes: Partial<Event> = {},
): Event => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: `${name}.${seconds}.${reason}`, namespace: 'ns' },
  eventTime: at(seconds),
  regarding: { kind, name, namespace: 'ns' },
  reason,
  note,
  type: 'Normal',
  ...changes,
})

function explain(phase: MachinePhase, status: MachineStatus, changes: Partial<MachineFacts> = {}, minutes = 6) {
  const machine = ownedBy(
    set,
    launched(phase, { status: { currentStatus: { phase, lastUpdateTime: at(2) }, ...status } }),
  )
  const facts = { name: 'machine-a', namespace: 'ns', machine, set, deployment: undefined, events: [], ...changes }
  return explanationOf(facts, epoch + minutes * 60_000)
}

const pending = { phase: 'Pending', time: at(2), description: 'The server was made' }

describe('the explanation of a machine', () => {
  it('that does not join tells every step, the console, what comes next and what to do', () => {
    const explanation = explain(
      'Pending',
      {
        history: [pending],
        lastOperation: {
          description:
            'The server was made; its agent has done 1 of 3 steps; reach-api-server is failed: https://a:1 does not answer',
        },
        joining: {
          bootedAt: at(5),
          agentStartedAt: at(9),
          state: 'joining',
          cloudInit: { state: 'done', finishedAt: at(11) },
          steps: [
            { name: 'write-files', state: 'done', startedAt: at(9), finishedAt: at(10) },
            {
              name: 'reach-api-server',
              state: 'failed',
              startedAt: at(10),
              tries: 16,
              error: 'https://a:1 does not answer',
            },
            { name: 'register-node', state: 'pending' },
          ],
        },
        console: { time: at(302), text: 'node-agent: reach-api-server failed (try 16)', cut: true },
      },
      {
        events: [
          event(-20, 'MachineSet', 'set', 'SuccessfulDelete', 'Deleted machine-z: Unhealthy for more than 10m0s'),
          event(302, 'Machine', 'machine-a', 'JoiningLate', 'The server was made; still waiting', { type: 'Warning' }),
        ],
      },
    )
    expect(renderExplanation(explanation)).toMatchInlineSnapshot(`
      "machine ns/machine-a: Pending for 5m58s, not a healthy node
        set set · class small · server simulated:///r/machine-a
        The server was made; its agent has done 1 of 3 steps; reach-api-server is failed: https://a:1 does not answer

      2026-01-01T00:00:00Z            created by machine set set, in place of another: Deleted machine-z: Unhealthy for more than 10m0s
      2026-01-01T00:00:02Z  +2s       server made (simulated:///r/machine-a); phase Pending
      2026-01-01T00:00:05Z  +5s       machine booted
      2026-01-01T00:00:09Z  +9s       agent started
      2026-01-01T00:00:10Z  +10s      step write-files done after 1s
      2026-01-01T00:00:10Z  +10s   !  step reach-api-server failed, tried at least 16 times: https://a:1 does not answer
      2026-01-01T00:00:11Z  +11s      cloud-init: done
      2026-01-01T00:05:02Z  +5m2s  !  JoiningLate: The server was made; still waiting

      Console at 2026-01-01T00:05:02Z, its last lines:
        | node-agent: reach-api-server failed (try 16)

      Next at 2026-01-01T00:20:02Z (in 14m2s): it is given up and replaced unless its node is healthy by then
      To do: mend what step reach-api-server complains of; its agent goes on by itself
      "
    `)
  })

  it('that is well says so, and has no console', () => {
    const explanation = explain('Running', {
      history: [pending, { phase: 'Running', time: at(30), description: 'Machine machine-a joined' }],
      lastOperation: { description: 'Machine machine-a joined' },
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: at(29) }],
      console: { time: at(20), text: 'old' },
    })
    expect(renderExplanation(explanation)).toMatchInlineSnapshot(`
      "machine ns/machine-a: Running for 5m58s, a healthy node
        set set · class small · server simulated:///r/machine-a
        Machine machine-a joined

      2026-01-01T00:00:00Z           created by machine set set, to have as many as are wanted
      2026-01-01T00:00:02Z  +2s      server made (simulated:///r/machine-a); phase Pending
      2026-01-01T00:00:29Z  +29s     node machine-a ready
      2026-01-01T00:00:30Z  +30s     phase Running: Machine machine-a joined

      Next: nothing: all is well
      "
    `)
  })

  it('that cannot be drained names the culprit and the way out', () => {
    const machine = ownedBy(
      set,
      launched('Terminating', {
        metadata: { deletionTimestamp: at(60), labels: { node: 'machine-a' } },
        status: {
          currentStatus: { phase: 'Terminating', lastUpdateTime: at(60) },
          history: [
            pending,
            { phase: 'Terminating', time: at(60), description: 'The machine is being deleted, it was Running' },
          ],
          conditions: [
            {
              type: 'Drained',
              status: 'False',
              reason: 'EvictionRefused',
              message: 'pod default/web-0 cannot be evicted: budget default/web',
              lastTransitionTime: at(61),
            },
          ],
        },
      }),
    )
    expect(renderExplanation(explain('Terminating', {}, { machine }))).toMatchInlineSnapshot(`
      "machine ns/machine-a: Terminating for 5m, not a healthy node
        set set · class small · server simulated:///r/machine-a

      2026-01-01T00:00:00Z            created by machine set set, to have as many as are wanted
      2026-01-01T00:00:02Z  +2s       server made (simulated:///r/machine-a); phase Pending
      2026-01-01T00:01:00Z  +1m       asked to go: somebody deleted the Machine object; its machine set makes another if one is missing
      2026-01-01T00:01:00Z  +1m       phase Terminating: The machine is being deleted, it was Running
      2026-01-01T00:01:01Z  +1m1s  !  drain held up (EvictionRefused): pod default/web-0 cannot be evicted: budget default/web

      Next at 2026-01-01T02:01:00Z (in 1h55m): its pods are deleted without regard to budgets and grace, then its server
      To do: let the named pods go: more replicas, or a looser disruption budget
      To do: or force it, which costs the named pods their grace: kubectl label machine machine-a force-deletion=true
      "
    `)
  })

  it.each([
    { reason: 'quota', errorCode: 'ResourceExhausted', advice: /raise the quota/ },
    { reason: 'a missing class', errorCode: 'FailedPrecondition', advice: /make the MachineClass/ },
    { reason: 'bad credentials', errorCode: 'Unauthenticated', advice: /renew the credentials/ },
  ])('that has no server for want of $reason says what to do', ({ errorCode, advice }) => {
    const {
      next,
      advice: [first],
    } = explain('CrashLoopBackOff', { lastOperation: { description: 'no', errorCode, state: 'Failed' } })
    expect(first).toMatch(advice)
    expect(next?.at).toBe(errorCode === 'FailedPrecondition' ? undefined : at(1200))
  })

  it.each([
    ['it failed', 'Deleted machine-a: Unhealthy for more than 10m0s', 'asked to go: Unhealthy for more than 10m0s'],
    [
      'it was one too many',
      'Deleted machine-a, machine-b: the machine set has more machines than wanted',
      'asked to go: its machine set was scaled down',
    ],
  ])('says why it goes: %s', (_why, note, expected) => {
    const machine = launched('Terminating', { metadata: { deletionTimestamp: at(60) } })
    const deployment = {
      apiVersion: 'v',
      kind: 'MachineDeployment',
      metadata: { name: 'pool' },
      spec: { template: { spec: set.spec?.template?.spec ?? {} } },
    }
    const { story } = explain(
      'Terminating',
      {},
      { machine, deployment, events: [event(60, 'MachineSet', 'set', 'SuccessfulDelete', note)] },
    )
    expect(story.map(({ text }) => text)).toContain(expected)
  })

  it('of one that has gone is told from events', () => {
    const explanation = explain(
      'Running',
      {},
      { machine: undefined, events: [event(9, 'MachineSet', 'set', 'MachinesGone', '1 machine gone: machine-a')] },
    )
    expect(renderExplanation(explanation)).toMatchInlineSnapshot(`
      "machine ns/machine-a has gone; this is what events still tell

      2026-01-01T00:00:09Z       MachinesGone: 1 machine gone: machine-a
      "
    `)
  })
})

it.each([
  ['Deleted machine-a: why', true],
  ['Deleted machine-a, machine-b', true],
  ['Deleted machine-ab', false],
  ['Deleted x-machine-a', false],
])('%j mentions machine-a: %s', (text, expected) => {
  expect(mentions(text, 'machine-a')).toBe(expected)
})
