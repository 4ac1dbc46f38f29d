import { join } from 'node:path'
import { createSystemClock } from '@trellis/foundation/clock'
import { createCommandRunner } from '@trellis/foundation/command'
import { createSystemRandom } from '@trellis/foundation/random'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { cacheDirectoryOf } from '../cache-directory.ts'
import { createDownloader } from '../obtain/download.ts'
import { obtainGo } from '../recipes.ts'
import { createCache } from '../store/cache.ts'
import { adaptModule } from './adapted-module.ts'

const moduleDirectory = join(import.meta.dirname, '../../modules/wireguard-go')
const packages = ['conn', 'device', 'tun'].map((name) => `golang.zx2c4.com/wireguard/${name}`)

test('the changed wireguard-go passes the tests of upstream and those of the changes', async () => {
  const [runner, clock] = [createCommandRunner(), createSystemClock()]
  const cache = createCache(clock, createSystemRandom(), runner, cacheDirectoryOf(process.env))
  const context = { runner, cache, downloader: createDownloader(clock), environment: process.env }
  const go = await obtainGo(context, { report: () => {}, signal: undefined })
  await using directory = await createTemporaryDirectory()
  await adaptModule({ go, runner, moduleDirectory, directory: directory.path })
  const environment = { CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOTOOLCHAIN: 'local', GOWORK: 'off' }
  const { code, stdout } = await runner.run(go.program, ['test', '-vet=off', '-count=1', '-timeout=5m', ...packages], {
    directory: directory.path,
    environment,
  })
  // Devices under test say a lot; what failed stands at the end.
  expect(stdout.slice(-4000)).toMatch(/^ok .*wireguard\/conn[\s\S]*^ok .*wireguard\/device[\s\S]*^ok .*wireguard\/tun/m)
  expect(code).toBe(0)
}, 600_000)
