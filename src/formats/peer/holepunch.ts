// ut_holepunch (BEP 55): a peer connected to both sides introduces two that cannot reach each other.
// Guarantees: exact lengths; an endpoint that nothing can be sent to is refused.
import { assert } from '../../base/assert.ts'
import { readUint32, writeUint32 } from '../../base/bytes.ts'
import { type Result, success } from '../../base/errors.ts'
import {
  compactEndpointLength,
  decodeCompactEndpoint,
  type Endpoint,
  encodeCompactEndpoint,
} from '../compact-endpoint.ts'
import { extensionFailure } from './extension-dictionary.ts'

export const holepunchExtension = 'ut_holepunch'

export type HolepunchError = 'no-such-peer' | 'not-connected' | 'no-support' | 'no-self'

export type HolepunchMessage =
  | { readonly type: 'rendezvous' | 'connect'; readonly endpoint: Endpoint }
  | { readonly type: 'error'; readonly endpoint: Endpoint; readonly error: HolepunchError | 'unknown' }
  /** Of a kind that does not exist yet; to be ignored. */
  | { readonly type: 'unknown'; readonly messageType: number }

const typeRendezvous = 0
const typeConnect = 1
const typeError = 2
const headerLength = 2
const errorLength = 4
/** Code 1 and up. */
const errors: readonly HolepunchError[] = ['no-such-peer', 'not-connected', 'no-support', 'no-self']

/** The payload of a ut_holepunch message. Errors: peer-extension. */
export function decodeHolepunch(payload: Uint8Array): Result<HolepunchMessage> {
  const [messageType, addressType] = payload
  if (messageType === undefined || addressType === undefined) return extensionFailure('a holepunch message cut short')
  if (messageType > typeError) return success({ type: 'unknown', messageType })
  if (addressType > 1) return extensionFailure(`a holepunch message with address type ${addressType}`)
  const family = addressType === 0 ? 4 : 6
  const errorStart = headerLength + compactEndpointLength(family)
  // Some clients leave the error code out where it could only be 0.
  const hasErrorCode = payload.length === errorStart + errorLength
  if (!hasErrorCode && (messageType === typeError || payload.length !== errorStart)) {
    return extensionFailure(`a holepunch message of ${payload.length} bytes`)
  }
  const endpoint = decodeCompactEndpoint(payload, headerLength, family)
  if (endpoint === undefined) return extensionFailure('a holepunch message with port 0')
  if (messageType === typeRendezvous) return success({ type: 'rendezvous', endpoint })
  if (messageType === typeConnect) return success({ type: 'connect', endpoint })
  const error = errors[readUint32(payload, errorStart) - 1] ?? 'unknown'
  return success({ type: 'error', endpoint, error })
}

/** The payload of a ut_holepunch message. */
export function encodeHolepunch(message: Exclude<HolepunchMessage, { type: 'unknown' }>): Uint8Array {
  const { type, endpoint } = message
  const payload = new Uint8Array(headerLength + compactEndpointLength(endpoint.family) + errorLength)
  payload[0] = type === 'rendezvous' ? typeRendezvous : type === 'connect' ? typeConnect : typeError
  payload[1] = endpoint.family === 4 ? 0 : 1
  const errorStart = encodeCompactEndpoint(payload, headerLength, endpoint)
  if (type === 'error') {
    assert(message.error !== 'unknown', 'an error that has a code')
    writeUint32(payload, errorStart, errors.indexOf(message.error) + 1)
  }
  return payload
}
