import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createTemporaryDirectory } from '@trellis/foundation/testing/temporary-directory'
import { createVirtualClock } from '@trellis/foundation/testing/virtual-clock'
import { expect, test } from 'vitest'
import { createDownloader, digestFromChecksums } from './download.ts'

async function startSite(listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const bytes = 'a program'
const digest = createHash('sha256').update(bytes).digest('hex')

test('a file arrives when its bytes have the published digest', async () => {
  await using site = await startSite((_request, response) => response.end(bytes))
  await using directory = await createTemporaryDirectory()
  const path = join(directory.path, 'file')
  await createDownloader(createVirtualClock()).fetchFile(`${site.url}/file`, digest, path)
  expect(await readFile(path, 'utf8')).toBe(bytes)
})

test('other bytes are refused', async () => {
  await using site = await startSite((_request, response) => response.end('something else'))
  await using directory = await createTemporaryDirectory()
  const fetching = createDownloader(createVirtualClock()).fetchFile(site.url, digest, join(directory.path, 'file'))
  await expect(fetching).rejects.toMatchObject({ kind: 'Conflict' })
})

test('an absent file is NotFound, a broken site Unavailable', async () => {
  await using site = await startSite((request, response) =>
    response.writeHead(request.url === '/absent' ? 404 : 503).end(),
  )
  const downloader = createDownloader(createVirtualClock())
  await expect(downloader.fetchText(`${site.url}/absent`)).rejects.toMatchObject({ kind: 'NotFound' })
  await expect(downloader.fetchText(`${site.url}/broken`)).rejects.toMatchObject({ kind: 'Unavailable' })
})

test('a download that breaks off is Unavailable', async () => {
  await using site = await startSite((_request, response) => {
    response.writeHead(200, { 'content-length': '1000' })
    response.write('some', () => response.destroy())
  })
  const fetching = createDownloader(createVirtualClock()).fetchText(site.url)
  await expect(fetching).rejects.toMatchObject({ kind: 'Unavailable' })
})

test('a site that does not answer in three seconds is not asked again', async () => {
  const asked = Promise.withResolvers<void>()
  let requests = 0
  await using site = await startSite(() => {
    requests++
    asked.resolve()
  })
  const clock = createVirtualClock()
  const downloader = createDownloader(clock)
  const first = downloader.fetchText(`${site.url}/one`)
  const failed = expect(first).rejects.toMatchObject({ kind: 'Unavailable' })
  await asked.promise
  await clock.advance(3000)
  await failed
  await expect(downloader.fetchText(`${site.url}/two`)).rejects.toMatchObject({ kind: 'Unavailable' })
  expect(requests).toBe(1)
})

test.each([
  ['a bare digest', `${digest}\n`, digest],
  ['digest and name', `${digest}  tool.tgz\n`, digest],
  ['several files', `${'0'.repeat(64)}  other.tgz\n${digest} *dist/tool.tgz\n`, digest],
  ['only other files', `${'0'.repeat(64)}  other.tgz\n`, undefined],
  ['no digest', '<html>not found</html>', undefined],
])('reads checksum files with %s', (_what, text, expected) => {
  expect(digestFromChecksums(text, 'tool.tgz')).toBe(expected)
})
