import { createHash } from 'node:crypto'
import { findValue } from './secret-values.ts'

/** Key of the account's secret under which a public key for the machines may stand, in OpenSSH's format. */
export function findPublicKey(secret: Readonly<Record<string, string>>): string | undefined {
  return findValue(secret, 'sshPublicKey')?.trim()
}

/**
 * A public key of Ed25519 as OpenSSH writes it (RFC 8709), the same for the same name, of which nobody has the private half: any 32 bytes are a public key, and these
 * are a digest. For clouds that make no server without naming a key.
 */
export function unownedPublicKey(name: string): string {
  const type = 'ssh-ed25519'
  const field = (content: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(content.length)
    return Buffer.concat([length, content])
  }
  const digest = createHash('sha256').update(`nobody's key: ${name}`).digest()
  const key = Buffer.concat([field(Buffer.from(type)), field(digest)])
  return `${type} ${key.toString('base64')} ${name}`
}
