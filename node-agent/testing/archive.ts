/** A tar archive with these files, as image tools write them. */
export function archiveOf(files: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(files).flatMap(([name, content]) => {
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write(`${Buffer.byteLength(content).toString(8).padStart(11, '0')}\0`, 124)
    header.write('0', 156)
    const body = Buffer.alloc(Math.ceil(Buffer.byteLength(content) / 512) * 512)
    body.write(content)
    return [header, body]
  })
  return Buffer.concat([...parts, Buffer.alloc(1024)])
}

/** An OCI archive whose index names these images. */
export function archiveWithImages(...names: readonly string[]): Buffer {
  const manifests = names.map((name) => ({ annotations: { 'io.containerd.image.name': name } }))
  return archiveOf({
    'oci-layout': '{"imageLayoutVersion":"1.0.0"}',
    'blobs/sha256/aaaa': 'x'.repeat(3_000),
    'index.json': JSON.stringify({ schemaVersion: 2, manifests }),
  })
}
