import { lstat, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import { InvariantError } from '@trellis/foundation/failure'
import { createSilentLog } from '@trellis/foundation/log'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { createFakeRunner } from '../../testing/fake-runner.ts'
import { machineSettingsRecipe } from './machine-settings.ts'

async function makeLayer() {
  const directory = await createTemporaryDirectory()
  await machineSettingsRecipe().make({
    directory: directory.path,
    scratch: directory.path,
    runner: createFakeRunner(),
    log: createSilentLog(),
    signal: undefined,
    part: () => {
      throw new InvariantError('this layer needs no part')
    },
    report: () => {},
  })
  return directory
}

test('cloud-init knows the metadata services of every cloud, asks none by name and runs only what our user-data needs', async () => {
  await using layer = await makeLayer()
  const text = await readFile(join(layer.path, 'etc/cloud/cloud.cfg.d/90-trellis.cfg'), 'utf8')
  const settings = parse(text)
  expect(settings.datasource_list).toEqual(['NoCloud', 'ConfigDrive', 'OpenStack', 'Ec2', 'GCE'])
  // ds-identify reads the list with a shell pattern: it must be the whole of one line.
  expect(text.split('\n')[0]).toMatch(/^datasource_list: \[.*\]$/)
  for (const { metadata_urls: urls } of Object.values<{ metadata_urls: string[] }>(settings.datasource)) {
    expect(urls).toEqual(['http://169.254.169.254'])
  }
  expect(settings.network).toBeUndefined()
  expect(settings.cloud_init_modules).toContain('write-files')
  expect(settings.cloud_config_modules).toEqual(['runcmd'])
  expect(settings.cloud_final_modules).toContain('scripts-user')
  const modules = [settings.cloud_init_modules, settings.cloud_config_modules, settings.cloud_final_modules].flat()
  expect(modules).not.toContain('locale')
})

test('the agent is installed but left to user-data to start', async () => {
  await using layer = await makeLayer()
  const unit = await readFile(join(layer.path, 'etc/systemd/system/trellis-node-agent.service'), 'utf8')
  expect(unit).toContain('ExecStart=/opt/trellis/bin/node-agent --config /etc/trellis/node-agent.json\n')
  expect(unit).toContain('Restart=always\n')
  await expect(lstat(join(layer.path, 'etc/systemd/system/multi-user.target.wants'))).rejects.toThrow('ENOENT')
})

test('units that only slow the start are masked', async () => {
  await using layer = await makeLayer()
  for (const unit of ['apt-daily.timer', 'getty.target', 'e2scrub_reap.service', 'systemd-timesyncd.service']) {
    expect(await readlink(join(layer.path, 'etc/systemd/system', unit))).toBe('/dev/null')
  }
})

test('folders are open to everyone, since a merged folder has the topmost mode', async () => {
  await using layer = await makeLayer()
  for (const folder of ['etc', 'etc/systemd', 'etc/systemd/system', 'etc/cloud/cloud.cfg.d']) {
    expect((await lstat(join(layer.path, folder))).mode & 0o777, folder).toBe(0o755)
  }
})
