// The SecretCipher port on the system's OpenSSL: derivation in the thread pool, the cipher at once.
// Guarantees: no more memory than the cost that was asked for; keeps no secret.
import { createCipheriv, pbkdf2, scrypt } from 'node:crypto'
import { scryptAsync } from '@noble/hashes/scrypt.js'
import type { SecretCipher } from '../ports/secret-cipher.ts'

type Settle = (error: Error | null, key: Uint8Array) => void

function promised(start: (settle: Settle) => void): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    start((error, key) => {
      if (error === null) resolve(new Uint8Array(key.buffer, key.byteOffset, key.length))
      else reject(error)
    })
  })
}

export const systemSecretCipher: SecretCipher = {
  scrypt(passphrase, salt, { n, r, p }, lengthBytes) {
    const maxmem = 128 * r * (n + p + 2)
    // OpenSSL keeps the bound that RFC 7914 sets on n; some key files, the published example too, do not.
    if (n >= 2 ** (16 * r))
      return scryptAsync(passphrase, salt, { N: n, r, p, dkLen: lengthBytes, maxmem: maxmem + 1024 })
    return promised((settle) => scrypt(passphrase, salt, lengthBytes, { N: n, r, p, maxmem }, settle))
  },
  pbkdf2(passphrase, salt, iterations, lengthBytes) {
    return promised((settle) => pbkdf2(passphrase, salt, iterations, lengthBytes, 'sha256', settle))
  },
  aes128Ctr(key, iv, bytes) {
    // A stream cipher: all of it comes at once, and nothing is left for the end.
    const out = createCipheriv('aes-128-ctr', key, iv).update(bytes)
    return new Uint8Array(out.buffer, out.byteOffset, out.length)
  },
}
