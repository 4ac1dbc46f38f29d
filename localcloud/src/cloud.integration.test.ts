import { readFile, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:https'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { runOrThrow } from '@trellis/foundation/command'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type CloudHarness, startCloudHarness } from '../testing/cloud-harness.ts'
import { namespaceOf } from './names.ts'
import { isAlive, processOfPidFile, signalProcess } from './processes.ts'
import { teardown } from './teardown.ts'

/** Answers with the host name on TCP 30080 and UDP 30081, and echoes on TCP 30082. */
const userData = `#cloud-config
write_files:
- path: /etc/systemd/system/answer@.service
  content: |
    [Service]
    ExecStart=/bin/sh /usr/local/bin/answer %i
- path: /usr/local/bin/answer
  content: |
    case $1 in
      tcp) exec socat TCP-LISTEN:30080,fork,reuseaddr SYSTEM:hostname ;;
      udp) exec socat UDP-RECVFROM:30081,fork,reuseaddr SYSTEM:hostname ;;
      echo) exec socat TCP-LISTEN:30082,fork,reuseaddr EXEC:cat ;;
    esac
runcmd:
- [systemctl, start, --no-block, answer@tcp, answer@udp, answer@echo]
`

const listeners = [
  { name: 'tcp', protocol: 'TCP', port: 80, targetPort: 30080 },
  { name: 'udp', protocol: 'UDP', port: 81, targetPort: 30081 },
  { name: 'echo', protocol: 'TCP', port: 82, targetPort: 30082 },
]

let cloud: CloudHarness
/** Servers `one` and `two` are in network `alpha`, `three` in `beta`. */
const ids: Record<'alpha' | 'beta' | 'one' | 'two' | 'three', string> = {
  alpha: '',
  beta: '',
  one: '',
  two: '',
  three: '',
}
let balancer = ''
/** Addresses of servers in their networks; servers made at the same time get theirs in any order. */
const addresses: Record<'one' | 'two' | 'three', string> = { one: '', two: '', three: '' }

async function makeServer(name: string, network: string): Promise<Answer> {
  return await cloud.call('POST', '/v1/servers', { name, network, image: 'machine', flavor: 'small', userData })
}

async function gone(serverId: string): Promise<void> {
  await cloud.until(
    `the end of ${serverId}`,
    async () => (await cloud.call('GET', `/v1/servers/${serverId}`)).status === 404,
  )
}

const overTcp = ['sh', '-c', 'timeout 5 socat -u "TCP:$0" -']
const overUdp = ['sh', '-c', 'echo | timeout 5 socat -t1 - "UDP:$0"']

async function onHost(...command: readonly string[]): Promise<string> {
  const [program = '', ...args] = command
  return await runOrThrow(cloud.runner, program, args)
}

beforeAll(async () => {
  cloud = await startCloudHarness()
  for (const [name, cidr] of [
    ['alpha', '10.250.0.0/16'],
    ['beta', '10.251.0.0/16'],
  ] as const) {
    ids[name] = (await cloud.call('POST', '/v1/networks', { name, cidr })).body.id
  }
  const made = await Promise.all([makeServer('one', 'alpha'), makeServer('two', 'alpha'), makeServer('three', 'beta')])
  for (const { body } of made) ids[body.name as 'one'] = body.id
  const set = await cloud.call('PUT', '/v1/load-balancers/door', {
    network: 'alpha',
    listeners,
    targets: [ids.one, ids.two],
  })
  balancer = set.body.address
  for (const name of ['one', 'two', 'three'] as const) {
    await cloud.until(
      `the start of ${name}`,
      async () => (await cloud.call('GET', `/v1/servers/${ids[name]}`)).body.state === 'running',
    )
    await cloud.exec(ids[name], 'cloud-init', 'status', '--wait')
    addresses[name] = (await cloud.call('GET', `/v1/servers/${ids[name]}`)).body.privateAddress
    await cloud.until(`the service of ${name}`, async () =>
      (await cloud.exec(ids[name], ...overTcp, `${addresses[name]}:30080`).catch(() => '')).includes(name),
    )
  }
})

afterAll(async () => {
  await cloud[Symbol.asyncDispose]()
  expect(await cloud.traces(), 'nothing is left of the cloud').toEqual([])
})

describe('a server', () => {
  it('has its own name, address and user-data', async () => {
    expect((await cloud.exec(ids.one, 'hostname')).trim()).toBe('one')
    expect([addresses.one, addresses.two].toSorted()).toEqual(['10.250.0.2', '10.250.0.3'])
    for (const name of ['one', 'two'] as const) {
      const shown = await cloud.exec(ids[name], 'ip', '-4', 'address', 'show', 'eth0')
      expect(shown).toContain(`${addresses[name]}/16`)
    }
    expect(await cloud.exec(ids.one, 'cat', '/usr/local/bin/answer')).toContain('TCP-LISTEN')
    const identities = await Promise.all([ids.one, ids.two].map((id) => cloud.exec(id, 'cat', '/etc/machine-id')))
    expect(new Set(identities).size).toBe(2)
  })

  it('is told about itself only', async () => {
    const told = JSON.parse(await cloud.exec(ids.two, 'curl', '-sSf', 'http://169.254.169.254/v1/instance'))
    expect(told).toMatchObject({ id: ids.two, name: 'two', network: { name: 'alpha' } })
  })

  it('does not let pods or the host see its user-data', async () => {
    const status = ['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}']
    await cloud.exec(ids.one, 'ip', 'address', 'add', '100.96.9.1/32', 'dev', 'lo')
    await cloud.call('POST', `/v1/networks/${ids.alpha}/routes`, {
      destination: '100.96.9.0/24',
      nextHopServer: ids.one,
    })
    const seed = 'http://169.254.169.254/nocloud/user-data'
    expect(await cloud.exec(ids.one, ...status, '--interface', '100.96.9.1', seed)).toBe('403')
    const { endpoint } = (await cloud.call('GET', '/v1/version')).body
    expect(await onHost(...status, `http://${new URL(endpoint).hostname}:8080/nocloud/user-data`)).toBe('403')
  })

  it('writes its console where it can be read', async () => {
    const { text, status } = await cloud.call('GET', `/v1/servers/${ids.one}/console?lines=500`)
    expect(status).toBe(200)
    expect(text).toContain('cloud-init')
  })

  it('has kubelet’s and containerd’s directories on a real file system', async () => {
    const types = await cloud.exec(ids.one, 'stat', '-f', '-c', '%T', '/', '/var/lib/containerd', '/var/lib/kubelet')
    const [root, ...others] = types.trim().split('\n')
    expect(root).toBe('overlayfs')
    expect(others).not.toContain('overlayfs')
    expect(await cloud.exec(ids.one, 'findmnt', '-n', '-o', 'PROPAGATION', '/var/lib/kubelet')).toContain('shared')
  })
})

describe('networks', () => {
  it('let servers of one network reach each other', async () => {
    expect(await cloud.exec(ids.one, ...overTcp, `${addresses.two}:30080`)).toBe('two\n')
  })

  it('keep the others out', async () => {
    await expect(cloud.exec(ids.three, ...overTcp, `${addresses.one}:30080`)).rejects.toThrow()
    await expect(cloud.exec(ids.one, ...overTcp, `${addresses.three}:30080`)).rejects.toThrow()
    const { publicAddress } = (await cloud.call('GET', `/v1/servers/${ids.one}`)).body
    await expect(cloud.exec(ids.three, ...overTcp, `${publicAddress}:30080`)).rejects.toThrow()
    await expect(onHost(...overTcp, `${addresses.one}:30080`)).rejects.toThrow()
  })

  it('keep out even who routes to them through their uplink', async () => {
    const { publicAddress } = (await cloud.call('GET', `/v1/networks/${ids.alpha}`)).body
    const beta = namespaceOf(cloud.configuration.instance, ids.beta)
    await onHost('ip', '-n', beta, 'route', 'add', '10.250.0.0/16', 'via', publicAddress)
    const inBeta = ['nsenter', `--net=/run/netns/${beta}`]
    await expect(onHost(...inBeta, ...overTcp, `${addresses.one}:30080`)).rejects.toThrow()
    await onHost('ip', '-n', beta, 'route', 'delete', '10.250.0.0/16')
  })

  it('follow routes to a server for pods', async () => {
    const pods = { destination: '100.96.1.0/24', nextHopServer: ids.two }
    const route = await cloud.call('POST', `/v1/networks/${ids.alpha}/routes`, pods)
    expect(route.status).toBe(201)
    expect((await cloud.call('POST', `/v1/networks/${ids.alpha}/routes`, pods)).body).toEqual(route.body)
    await cloud.exec(ids.two, 'ip', 'address', 'add', '100.96.1.1/32', 'dev', 'lo')
    expect(await cloud.exec(ids.one, ...overTcp, '100.96.1.1:30080')).toBe('two\n')
    expect(await cloud.exec(ids.one, ...overTcp, '100.96.1.1:30080,bind=100.96.9.1')).toBe('two\n')
    expect((await cloud.call('DELETE', `/v1/networks/${ids.alpha}/routes/${route.body.id}`)).status).toBe(204)
    await expect(cloud.exec(ids.one, ...overTcp, '100.96.1.1:30080')).rejects.toThrow()
  })
})

describe('a load balancer', () => {
  const places: readonly [string, (...command: readonly string[]) => Promise<string>][] = [
    ['the host', onHost],
    ['another network', (...command) => cloud.exec(ids.three, ...command)],
    ['a target itself', (...command) => cloud.exec(ids.one, ...command)],
    ['the other target', (...command) => cloud.exec(ids.two, ...command)],
  ]
  it.each(places)('spreads TCP and UDP for %s', async (_place, run) => {
    const answers: string[] = []
    for (let attempt = 0; attempt < 4; attempt++) answers.push(await run(...overTcp, `${balancer}:80`))
    expect(new Set(answers)).toEqual(new Set(['one\n', 'two\n']))
    expect(['one\n', 'two\n']).toContain(await run(...overUdp, `${balancer}:81`))
  })

  it('keeps connections over a change and moves datagrams off a removed target', async () => {
    await using connection = await openEcho(`${balancer}`, 82)
    expect(await connection.echo('before')).toBe('before')
    const from = 'sourceport=45678'
    const change = (targets: readonly string[]) =>
      cloud.call('PUT', '/v1/load-balancers/door', { network: 'alpha', listeners, targets })
    for (const target of ['two', 'one'] as const) {
      expect((await change([ids[target]])).body.address).toBe(balancer)
      expect(await onHost(...overUdp, `${balancer}:81,${from}`)).toBe(`${target}\n`)
    }
    expect((await change([])).status).toBe(200)
    await expect(onHost(...overTcp, `${balancer}:80`)).rejects.toThrow()
    await onHost(...overUdp, `${balancer}:81,${from}`).catch(() => '')
    await change([ids.one, ids.two])
    expect(['one\n', 'two\n']).toContain(await onHost(...overUdp, `${balancer}:81,${from}`))
    expect(await connection.echo('after')).toBe('after')
  })
})

describe('the daemon', () => {
  it('answers over HTTPS to those who bear the token', async () => {
    const [token, ca] = await Promise.all(
      ['token', 'ca.crt'].map((name) => readFile(join(cloud.places.credentials, name), 'utf8')),
    )
    const { endpoint } = (await cloud.call('GET', '/v1/version')).body
    const status = (authorization: string) =>
      new Promise<number | undefined>((resolve, reject) => {
        request(`${endpoint}/v1/version`, { ca, headers: { authorization }, agent: false }, (incoming) => {
          incoming.resume()
          resolve(incoming.statusCode)
        })
          .on('error', reject)
          .end()
      })
    expect(await status(`Bearer ${token}`)).toBe(200)
    expect(await status('Bearer wrong')).toBe(401)
  })

  it('finds everything again after being killed', async () => {
    await using connection = await openEcho(balancer, 82)
    const before = (await cloud.call('GET', '/v1/servers')).body
    const inits = await Promise.all([ids.one, ids.two, ids.three].map(initOf))
    await killDaemon()
    expect((await cloud.call('GET', '/v1/servers')).body).toEqual(before)
    expect(await Promise.all([ids.one, ids.two, ids.three].map(initOf))).toEqual(inits)
    expect(await connection.echo('still')).toBe('still')
    expect(await cloud.exec(ids.three, ...overTcp, `${balancer}:80`)).toMatch(/one|two/)
  })

  it('keeps a corrupt file aside, names it, and lets the server go', async () => {
    const file = join(cloud.places.records, 'server', `${ids.three}.json`)
    await writeFile(file, '{"id": ')
    await killDaemon()
    await cloud.until('the problem', async () => {
      const { problems } = (await cloud.call('GET', '/v1/version').catch(() => undefined))?.body ?? {}
      return problems?.length === 1
    })
    const answer = await cloud.call('GET', `/v1/servers/${ids.three}`)
    expect(answer.body.error).toMatchObject({ kind: 'Unavailable', message: expect.stringContaining(file) })
    expect(answer.body.error.remedy).toContain('restore the file')
    expect((await cloud.exec(ids.three, 'hostname')).trim()).toBe('three')
    expect((await cloud.call('GET', '/v1/servers')).body.items).toHaveLength(2)
    expect((await cloud.call('DELETE', `/v1/servers/${ids.three}`)).status).toBe(202)
    await gone(ids.three)
    expect((await cloud.call('GET', '/v1/version')).body.problems).toEqual([])
  })

  it.each(['namespace', 'mount', 'console', 'container'] as const)(
    'finishes what it was killed in, once the %s was made or gone',
    async (step) => {
      const { id } = (await makeServer(step, 'beta')).body
      await cloud.until(`the ${step}`, async () => (await stepsOf(id)).includes(step))
      await killDaemon()
      await cloud.until('the start', async () => {
        const answer = await cloud.call('GET', `/v1/servers/${id}`).catch(() => undefined)
        return answer?.body.state === 'running'
      })
      expect(await stepsOf(id), 'each thing is there once').toEqual(['namespace', 'mount', 'console', 'container'])
      await cloud.call('DELETE', `/v1/servers/${id}`)
      await cloud.until(`the end of the ${step}`, async () => !(await stepsOf(id)).includes(step))
      await killDaemon()
      await cloud.until('the end', async () => {
        return (await cloud.call('GET', `/v1/servers/${id}`).catch(() => undefined))?.status === 404
      })
      expect(await stepsOf(id)).toEqual([])
    },
  )
})

describe('an end', () => {
  it('of a machine by itself is noticed', async () => {
    const init = await initOf(ids.two)
    signalProcess(init, 'SIGKILL')
    await cloud.until(
      'the notice',
      async () => (await cloud.call('GET', `/v1/servers/${ids.two}`)).body.state === 'stopped',
    )
  })

  it('frees all that a server, a load balancer and a network have', async () => {
    expect((await cloud.call('DELETE', `/v1/networks/${ids.alpha}`)).body.error).toMatchObject({ kind: 'Conflict' })
    for (const id of [ids.one, ids.two]) expect((await cloud.call('DELETE', `/v1/servers/${id}`)).status).toBe(202)
    await Promise.all([gone(ids.one), gone(ids.two)])
    expect((await cloud.call('GET', '/v1/load-balancers/door')).body.targets).toEqual([])
    expect((await cloud.call('GET', `/v1/networks/${ids.alpha}/routes`)).body.items).toEqual([])
    expect((await cloud.call('DELETE', '/v1/load-balancers/door')).status).toBe(204)
    for (const id of [ids.alpha, ids.beta]) expect((await cloud.call('DELETE', `/v1/networks/${id}`)).status).toBe(204)
    const left = (await cloud.traces()).filter((line) => /(srv|net)-[a-z0-9]{8}|(srv|net)[a-z0-9]{8}/.test(line))
    expect(left).toEqual([])
  })

  it('of the whole cloud needs no records', async () => {
    const network = (await cloud.call('POST', '/v1/networks', { name: 'gamma', cidr: '10.252.0.0/16' })).body
    const server = (await makeServer('six', network.id)).body
    await cloud.until(
      'the start of six',
      async () => (await cloud.call('GET', `/v1/servers/${server.id}`)).body.state === 'running',
    )
    const daemon = await processOfPidFile(cloud.places.daemonPidFile)
    await rm(cloud.places.records, { recursive: true })
    await teardown(cloud, cloud.configuration)
    expect(daemon === undefined || (await isAlive(daemon))).toBe(false)
    expect(await cloud.traces()).toEqual([])
  })
})

/** What a server has on this host, each named as often as it is there. */
async function stepsOf(serverId: string): Promise<readonly string[]> {
  const traces = await cloud.traces()
  const has = (pattern: RegExp) => traces.filter((line) => line.includes(serverId) && pattern.test(line))
  const name = namespaceOf(cloud.configuration.instance, serverId)
  const list = () => onHost('runc', '--root', cloud.places.runcRoot, 'list', '--format', 'json')
  // runc gives up the whole list when a container goes away while it looks at it.
  const states = await list().catch(list).catch(list)
  const containers = (JSON.parse(states) ?? []) as { id: string; status: string }[]
  return [
    ...has(new RegExp(`^${name}( |$)`)).map(() => 'namespace'),
    ...has(/ - overlay /).map(() => 'mount'),
    ...has(/^socat -u PTY/).map(() => 'console'),
    ...containers.filter(({ id, status }) => id === name && status === 'running').map(() => 'container'),
  ]
}

async function killDaemon(): Promise<void> {
  const daemon = await processOfPidFile(cloud.places.daemonPidFile)
  signalProcess(daemon?.pid ?? 0, 'SIGKILL')
  await cloud.until('the new daemon', async () => {
    const present = await processOfPidFile(cloud.places.daemonPidFile)
    return present !== undefined && present.pid !== daemon?.pid
  })
}

/** Host's id of the first process of a server. */
async function initOf(serverId: string): Promise<number> {
  const name = namespaceOf(cloud.configuration.instance, serverId)
  const state = await runOrThrow(cloud.runner, 'runc', ['--root', cloud.places.runcRoot, 'state', name])
  return (JSON.parse(state) as { pid: number }).pid
}

interface Echo extends AsyncDisposable {
  echo(text: string): Promise<string>
}

async function openEcho(host: string, port: number): Promise<Echo> {
  const socket: Socket = connect({ host, port })
  await new Promise<void>((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return {
    echo: (text) =>
      new Promise((resolve, reject) => {
        socket.once('error', reject)
        socket.once('data', (chunk: Buffer) => resolve(chunk.toString()))
        socket.write(text)
      }),
    [Symbol.asyncDispose]: async () => {
      socket.destroy()
    },
  }
}
