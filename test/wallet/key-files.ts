// Key files for tests: the published ones, and the ports and cost that tests seal with.
// Cheap, and the same each time.

import { fromUtf8 } from '../../src/base/bytes.ts'
import { sha256 } from '../../src/base/hash.ts'
import { secp256k1 } from '../../src/host/secp256k1.ts'
import { systemSecretCipher } from '../../src/host/secret-cipher.ts'
import type { ScryptCost } from '../../src/ports/secret-cipher.ts'
import type { VaultPorts } from '../../src/wallet/key-vault.ts'

export const ports: VaultPorts = { cipher: systemSecretCipher, openKey: secp256k1.openKey }
export const lightCost: ScryptCost = { n: 2, r: 8, p: 1 }

/** The same bytes for the same seed. */
export function seededFill(seed: string): { fill(target: Uint8Array): void } {
  let drawn = 0
  return {
    fill(target) {
      for (let at = 0; at < target.length; at += 32) {
        target.set(sha256(fromUtf8(`${seed} ${drawn++}`)).subarray(0, Math.min(32, target.length - at)), at)
      }
    },
  }
}

export const publishedPassphrase = 'testpassword'
export const publishedSecret = '7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'
export const publishedAddress = '008aeeda4d805471df9b2a5b0f38a0c3bcba786b'

/** From the definition of Web3 Secret Storage, version 3. */
export const publishedFiles = {
  pbkdf2: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
      ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
      kdf: 'pbkdf2',
      kdfparams: {
        c: 262_144,
        dklen: 32,
        prf: 'hmac-sha256',
        salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
      },
      mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
  scrypt: {
    crypto: {
      cipher: 'aes-128-ctr',
      cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
      ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
      kdf: 'scrypt',
      kdfparams: {
        dklen: 32,
        n: 262_144,
        p: 8,
        r: 1,
        salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
      },
      mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
    },
    id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
    version: 3,
  },
}
