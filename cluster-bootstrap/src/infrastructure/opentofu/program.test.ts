import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Clock, createSystemClock } from '@trellis/foundation/clock'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { describe, expect, it } from 'vitest'
import type { Message } from './messages.ts'
import { createOpenTofu } from './program.ts'
import { createWorkspace } from './workspace.ts'

const said = (value: object) => `echo '${JSON.stringify(value)}'`
const diagnostic = (detail: string) =>
  said({ type: 'diagnostic', diagnostic: { severity: 'error', summary: 'it failed', detail } })

/** A program that is called like OpenTofu and does what the script says for a subcommand; what it was given is written down. */
async function begin(scripts: Readonly<Record<string, string>>) {
  const root = await createTemporaryDirectory()
  const program = join(root.path, 'tofu')
  const cases = Object.entries(scripts).map(([name, script]) => `${name}) ${script} ;;`)
  const log = join(root.path, 'log')
  await writeFile(
    program,
    `#!/bin/sh\necho "$@" >> ${log}\n/usr/bin/env >> ${log}.env\ncase "$1" in\n${cases.join('\n')}\nesac\n`,
  )
  await chmod(program, 0o755)
  for (const folder of ['module', 'memory']) await mkdir(join(root.path, folder))
  const workspace = await createWorkspace({
    parentDirectory: join(root.path, 'memory'),
    moduleDirectory: join(root.path, 'module'),
    providersDirectory: '/providers',
    variables: {},
    state: undefined,
    imports: {},
  })
  const stop = new AbortController()
  /** Time passes by itself, but for sleep, which lasts until it is told to end. */
  const asleep = Promise.withResolvers<number>()
  const awake = Promise.withResolvers<void>()
  const clock: Clock = {
    ...createSystemClock(),
    sleep: (milliseconds) => {
      asleep.resolve(milliseconds)
      return awake.promise
    },
  }
  const job = { workspace, environment: { CLOUD_PASSWORD: 'hush' }, secrets: ['hush'], signal: stop.signal }
  return {
    tofu: createOpenTofu({ clock, program, graceMilliseconds: 60_000, settleMilliseconds: 60_000, parallelism: 7 }),
    job,
    stop,
    asleep: asleep.promise,
    wake: awake.resolve,
    calls: () => readFile(log, 'utf8'),
    environment: () => readFile(`${log}.env`, 'utf8'),
    [Symbol.asyncDispose]: () => root[Symbol.asyncDispose](),
  }
}

const made = { type: 'apply_complete', hook: { resource: { addr: 'a.b' }, action: 'create', id_value: '7' } }

describe('the program tofu', () => {
  it('is called so that it plans, shows the plan, and carries out that one', async () => {
    const plan = { resource_changes: [{ address: 'a.b', change: { actions: ['create'] } }] }
    await using house = await begin({
      plan: 'exit 2',
      show: said(plan),
      apply: `${said(made)}; ${said({ type: 'outputs', outputs: { network: { value: 'n' } } })}`,
    })
    const messages: Message[] = []
    await house.tofu.init(house.job)
    expect(await house.tofu.plan(house.job)).toEqual({ plan, empty: false })
    expect(await house.tofu.apply(house.job, (message) => messages.push(message))).toEqual({ network: 'n' })
    expect(messages.map(({ type }) => type)).toEqual(['apply_complete', 'outputs'])
    expect((await house.calls()).trim().split('\n')).toEqual([
      'init -json -input=false',
      'plan -json -input=false -detailed-exitcode -out=plan -parallelism=7',
      'show -json plan',
      'apply -json -input=false -parallelism=7 plan',
    ])
  })

  it('knows a plan that changes nothing, plans of destruction and plans of parts', async () => {
    await using house = await begin({ show: said({}) })
    expect((await house.tofu.plan(house.job, { destroy: true })).empty).toBe(true)
    await house.tofu.plan(house.job, { targets: ['a.b[0]', 'a.c'] })
    const calls = await house.calls()
    expect(calls).toContain('-parallelism=7 -destroy\n')
    expect(calls).toContain('-parallelism=7 -target=a.b[0] -target=a.c\n')
  })

  it('has credentials in its environment alone, and nothing else of this process', async () => {
    await using house = await begin({})
    await house.tofu.init(house.job)
    const names = (await house.environment())
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0] ?? '')
    const ofShell = ['PWD', 'OLDPWD', 'SHLVL', '_']
    expect(names.filter((name) => !ofShell.includes(name)).sort()).toEqual([
      'CLOUD_PASSWORD',
      'HOME',
      'TF_CLI_CONFIG_FILE',
      'TF_INPUT',
      'TF_IN_AUTOMATION',
      'TMPDIR',
    ])
    expect(await house.calls()).not.toContain('hush')
  })

  it('fails with what it reported, without secrets that were quoted', async () => {
    const text = 'Expected HTTP response code [200] when accessing [POST http://c], but got 401 instead: hush hush'
    await using house = await begin({ plan: `${diagnostic(text)}; exit 1` })
    const failure = house.tofu.plan(house.job)
    await expect(failure).rejects.toMatchObject({ kind: 'Unauthorized' })
    await expect(failure).rejects.toThrowError(
      /^the infrastructure could not be planned: it failed: .* \[redacted\] \[redacted\]$/,
    )
  })

  it('fails with its complaints when it reported nothing', async () => {
    await using house = await begin({ init: 'echo "panic: hush" >&2; exit 11' })
    await expect(house.tofu.init(house.job)).rejects.toMatchObject({
      kind: 'Unavailable',
      message: 'OpenTofu could not be set up: panic: [redacted]',
    })
  })

  it('says that it was killed', async () => {
    await using house = await begin({ apply: `${said(made)}; kill -KILL $$` })
    const messages: Message[] = []
    const end = house.tofu.apply(house.job, (message) => messages.push(message))
    let ended = false
    end.catch(() => {
      ended = true
    })
    // Not at once: what it had asked for may still come into being.
    expect(await house.asleep).toBe(60_000)
    expect(ended).toBe(false)
    house.wake()
    await expect(end).rejects.toMatchObject({
      kind: 'Unavailable',
      message: 'the infrastructure could not be changed: the program was killed',
    })
    expect(messages).toHaveLength(1)
  })

  it('that was killed while it planned is not waited for', async () => {
    await using house = await begin({ plan: 'kill -KILL $$' })
    await expect(house.tofu.plan(house.job)).rejects.toMatchObject({ kind: 'Unavailable' })
  })

  it('is called off with the reason of whoever did, after it has ended', async () => {
    const started = { type: 'apply_start', hook: { resource: { addr: 'a.b' }, action: 'create' } }
    const script = `trap 'ended=1' INT; ended=; ${said(started)}; while [ -z "$ended" ]; do /bin/sleep 0.01; done; ${said(made)}; exit 1`
    await using house = await begin({ apply: script })
    const messages: Message[] = []
    const end = house.tofu.apply(house.job, (message) => {
      messages.push(message)
      house.stop.abort(new Error('enough'))
    })
    let ended = false
    end.catch(() => {
      ended = true
    })
    // Providers drop the requests that are under way; the cloud may carry them out all the same.
    expect(await house.asleep).toBe(60_000)
    expect(ended).toBe(false)
    house.wake()
    await expect(end).rejects.toThrowError('enough')
    expect(messages.map(({ type }) => type)).toEqual(['apply_start', 'apply_complete'])
    await expect(house.tofu.plan(house.job)).rejects.toThrowError('enough')
  })

  it('is refused when it shows no plan', async () => {
    await using house = await begin({ show: 'echo nothing' })
    await expect(house.tofu.plan(house.job)).rejects.toMatchObject({ kind: 'Unavailable' })
  })
})
