// Magnet links (BEP 9, BEP 53): text to a typed value and back.
// Guarantees: never throws, work is bounded by the limits below, no duplicates; at least one info hash, and two
// different ones of one version are refused. Hints that cannot be used (a tracker that is no URL, a peer without
// a port) are left out; what decides what is downloaded (topics, file selection) must be well-formed.
import { assert } from '../base/assert.ts'
import { fromHex, fromUtf8, toUtf8Lossy } from '../base/bytes.ts'
import { attempt, fail, type Result } from '../base/errors.ts'
import { type InfoHashV1, type InfoHashV2, infoHashV1, infoHashV2 } from '../base/ids.ts'
import { parseAddress, parsePort } from './compact-endpoint.ts'

export interface PeerAddress {
  /** An IP literal in canonical text without brackets, or a host name in lower case. */
  readonly host: string
  readonly port: number
}

/** Files by their number in the torrent, both ends included. */
export interface FileRange {
  readonly first: number
  readonly last: number
}

export interface Magnet {
  readonly infoHashV1?: InfoHashV1
  readonly infoHashV2?: InfoHashV2
  /** `dn`: what to show until the torrent's own name is known; anyone may have written it. */
  readonly name?: string
  /** `tr`: URLs, each a tier of its own. */
  readonly trackers: readonly string[]
  /** `ws`: BEP 19 web seeds. */
  readonly webSeeds: readonly string[]
  /** `xs` and `as`: URLs where the .torrent file itself may be had. */
  readonly sources: readonly string[]
  /** `x.pe`: peers to connect to first. */
  readonly peers: readonly PeerAddress[]
  /** `so` (BEP 53): the only files wanted, ascending and merged; absent: all of them. */
  readonly selectedFiles?: readonly FileRange[]
  /** `xl`: the torrent's length in bytes, as claimed. */
  readonly lengthBytes?: number
}

/** Longer links, and those of more parameters, are refused; of one kind, what comes after the cap is left out. */
export const magnetLimits = {
  maxCharacters: 65_536,
  maxParameters: 1_000,
  maxTrackers: 100,
  maxWebSeeds: 100,
  maxSources: 20,
  maxPeers: 100,
  /** One more than the largest number of a file. */
  maxFileCount: 2 ** 21,
}

const prefix = 'magnet:?'
const sha256Multihash = '1220'
const percent = 0x25

function hexDigit(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const letter = byte | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

/** Text with `%XX` resolved. An incomplete escape stands for itself; bytes that are no UTF-8 become U+FFFD. */
function percentDecoded(text: string): string {
  if (!text.includes('%')) return text
  const bytes = fromUtf8(text)
  let length = 0
  for (let index = 0; index < bytes.length; index++) {
    const byte = bytes[index] as number
    const high = byte === percent ? hexDigit(bytes[index + 1]) : -1
    const low = high === -1 ? -1 : hexDigit(bytes[index + 2])
    if (low === -1) {
      bytes[length++] = byte
    } else {
      bytes[length++] = high * 16 + low
      index += 2
    }
  }
  return toUtf8Lossy(bytes.subarray(0, length))
}

/** The characters encodeURIComponent leaves alone but HTML or a shell gives a meaning. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}

const base32Alphabet = 'abcdefghijklmnopqrstuvwxyz234567'

/** 32 letters of base32 (RFC 4648), in lower case, to 20 bytes; undefined for foreign letters. */
function base32Bytes(text: string): Uint8Array | undefined {
  const bytes = new Uint8Array(20)
  let pending = 0
  let pendingBits = 0
  let length = 0
  for (const letter of text) {
    const value = base32Alphabet.indexOf(letter)
    if (value === -1) return undefined
    pending = ((pending << 5) | value) & 0xfff
    pendingBits += 5
    if (pendingBits >= 8) {
      pendingBits -= 8
      bytes[length++] = pending >>> pendingBits
    }
  }
  return bytes
}

function parseV1Topic(text: string): InfoHashV1 {
  const hex = text.length === 40 ? fromHex(text) : undefined
  const bytes = hex?.ok === true ? hex.value : text.length === 32 ? base32Bytes(text) : undefined
  if (bytes === undefined) fail('magnet-topic', '`urn:btih:` wants 40 hexadecimal digits or 32 letters of base32')
  return infoHashV1(bytes)
}

/** The hash of a multihash; undefined when it is one of another function than SHA-256. */
function parseV2Topic(text: string): InfoHashV2 | undefined {
  const hex = fromHex(text)
  if (!hex.ok || hex.value.length < 3) fail('magnet-topic', '`urn:btmh:` wants a multihash in hexadecimal digits')
  if (!text.startsWith(sha256Multihash)) return undefined
  if (hex.value.length !== 34) fail('magnet-topic', '`urn:btmh:1220` wants 64 hexadecimal digits')
  return infoHashV2(hex.value.subarray(2))
}

/** A magnet while its parameters are being read. */
interface Draft {
  v1: InfoHashV1 | undefined
  v2: InfoHashV2 | undefined
  name: string | undefined
  lengthBytes: number | undefined
  readonly trackers: Set<string>
  readonly webSeeds: Set<string>
  readonly sources: Set<string>
  readonly peers: Map<string, PeerAddress>
  readonly ranges: FileRange[]
}

function takeTopic(draft: Draft, value: string): void {
  const urn = value.toLowerCase()
  if (urn.startsWith('urn:btih:')) {
    const hash = parseV1Topic(urn.slice(9))
    if (draft.v1 !== undefined && draft.v1 !== hash) fail('magnet-topic', 'two different `urn:btih:` topics')
    draft.v1 = hash
  } else if (urn.startsWith('urn:btmh:')) {
    const hash = parseV2Topic(urn.slice(9))
    if (hash === undefined) return
    if (draft.v2 !== undefined && draft.v2 !== hash) fail('magnet-topic', 'two different `urn:btmh:` topics')
    draft.v2 = hash
  }
}

/** Absolute URLs on one line; spaces around them, as copied lists have, do not count. */
function takeUrl(urls: Set<string>, maxCount: number, value: string): void {
  const url = value.trim()
  if (urls.size < maxCount && /^[a-z][a-z0-9+.-]*:\/\/[^\s\p{Cc}\ufffd]+$/iu.test(url)) urls.add(url)
}

const hostLabel = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** Labels of letters, digits, `-` and `_`. A last label that is a number would be read as an IPv4 address. */
function isHostName(text: string): boolean {
  if (text.length > 253) return false
  const labels = text.replace(/\.$/, '').split('.')
  return labels.every((label) => hostLabel.test(label)) && !/^(?:[0-9]+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? '')
}

/** `host:port`, `192.0.2.1:port` or `[2001:db8::1]:port`; undefined for anything else. */
export function parsePeerAddress(text: string): PeerAddress | undefined {
  const match = /^(?:\[([^[\]]*)\]|([^:[\]]+)):([0-9]+)$/.exec(text)
  const port = parsePort(match?.[3] ?? '')
  if (match === null || port === undefined) return undefined
  const [, bracketed, plain] = match
  const ip = parseAddress(bracketed ?? plain ?? '')
  if (bracketed !== undefined) return ip?.family === 6 ? { host: ip.address, port } : undefined
  if (ip !== undefined) return { host: ip.address, port }
  const host = (plain ?? '').toLowerCase()
  return isHostName(host) ? { host, port } : undefined
}

export function formatPeerAddress(peer: PeerAddress): string {
  return peer.host.includes(':') ? `[${peer.host}]:${peer.port}` : `${peer.host}:${peer.port}`
}

function takePeer(peers: Map<string, PeerAddress>, value: string): void {
  const peer = parsePeerAddress(value.trim())
  if (peer !== undefined && peers.size < magnetLimits.maxPeers) peers.set(formatPeerAddress(peer), peer)
}

/** BEP 53: numbers and ranges of numbers between commas. */
function takeSelection(ranges: FileRange[], value: string): void {
  for (const part of value.split(',')) {
    const match = /^([0-9]{1,7})(?:-([0-9]{1,7}))?$/.exec(part.trim())
    const first = Number(match?.[1])
    const last = Number(match?.[2] ?? match?.[1])
    if (!(first <= last && last < magnetLimits.maxFileCount)) {
      fail('magnet-parameter', '`so` wants numbers of files such as 0,2,4,6-8')
    }
    ranges.push({ first, last })
  }
}

/** The same files in ascending ranges that neither overlap nor touch. */
function mergedRanges(ranges: readonly FileRange[]): FileRange[] {
  const merged: FileRange[] = []
  for (const range of ranges.toSorted((a, b) => a.first - b.first)) {
    const previous = merged.at(-1)
    if (previous !== undefined && range.first <= previous.last + 1) {
      merged[merged.length - 1] = { first: previous.first, last: Math.max(previous.last, range.last) }
    } else {
      merged.push(range)
    }
  }
  return merged
}

function takeParameter(draft: Draft, key: string, encodedValue: string): void {
  const value = percentDecoded(encodedValue)
  if (key === 'xt') takeTopic(draft, value)
  else if (key === 'tr') takeUrl(draft.trackers, magnetLimits.maxTrackers, value)
  else if (key === 'ws') takeUrl(draft.webSeeds, magnetLimits.maxWebSeeds, value)
  else if (key === 'xs' || key === 'as') takeUrl(draft.sources, magnetLimits.maxSources, value)
  else if (key === 'x.pe') takePeer(draft.peers, value)
  else if (key === 'so' && value !== '') takeSelection(draft.ranges, value)
  // Forms write a space as `+`. In a URL `+` is itself, so this holds for names alone.
  else if (key === 'dn') draft.name ??= percentDecoded(encodedValue.replaceAll('+', ' ')) || undefined
  else if (key === 'xl' && /^[0-9]{1,15}$/.test(value)) draft.lengthBytes ??= Number(value)
}

/** `xt.1` counts as `xt`; a link copied out of HTML source has `&amp;` between its parameters. */
function parameterName(key: string): string {
  return key
    .toLowerCase()
    .replace(/^amp;/, '')
    .replace(/\.[0-9]+$/, '')
}

/**
 * Reads a magnet link; spaces around it do not count, nor does the case of scheme, keys and topics.
 * Errors: magnet-syntax (no magnet link), -topic (no info hash, a malformed or a second one), -parameter
 * (file selection), -too-large.
 */
export function parseMagnet(text: string): Result<Magnet> {
  return attempt(() => {
    if (text.length > magnetLimits.maxCharacters) {
      fail('magnet-too-large', `${text.length} characters, over the limit of ${magnetLimits.maxCharacters}`)
    }
    const link = text.trim()
    if (link.slice(0, prefix.length).toLowerCase() !== prefix) fail('magnet-syntax', `it does not begin with ${prefix}`)
    const parameters = link.slice(prefix.length).split('&', magnetLimits.maxParameters + 1)
    if (parameters.length > magnetLimits.maxParameters) {
      fail('magnet-too-large', `more than ${magnetLimits.maxParameters} parameters`)
    }
    const draft: Draft = {
      v1: undefined,
      v2: undefined,
      name: undefined,
      lengthBytes: undefined,
      trackers: new Set(),
      webSeeds: new Set(),
      sources: new Set(),
      peers: new Map(),
      ranges: [],
    }
    for (const parameter of parameters) {
      const equals = parameter.indexOf('=')
      if (equals > 0) takeParameter(draft, parameterName(parameter.slice(0, equals)), parameter.slice(equals + 1))
    }
    return finished(draft)
  })
}

function finished(draft: Draft): Magnet {
  if (draft.v1 === undefined && draft.v2 === undefined) fail('magnet-topic', 'no BitTorrent info hash')
  return {
    ...(draft.v1 === undefined ? {} : { infoHashV1: draft.v1 }),
    ...(draft.v2 === undefined ? {} : { infoHashV2: draft.v2 }),
    ...(draft.name === undefined ? {} : { name: draft.name }),
    trackers: [...draft.trackers],
    webSeeds: [...draft.webSeeds],
    sources: [...draft.sources],
    peers: [...draft.peers.values()],
    ...(draft.ranges.length === 0 ? {} : { selectedFiles: mergedRanges(draft.ranges) }),
    ...(draft.lengthBytes === undefined ? {} : { lengthBytes: draft.lengthBytes }),
  }
}

/** The link of a magnet, in one order and escaped such that it is inert in HTML and a shell's quotes. */
export function formatMagnet(magnet: Magnet): string {
  const { infoHashV1: v1, infoHashV2: v2, name, lengthBytes, selectedFiles } = magnet
  assert(v1 !== undefined || v2 !== undefined, 'a magnet with an info hash')
  const parameters: string[] = []
  if (v1 !== undefined) parameters.push(`xt=urn:btih:${v1}`)
  if (v2 !== undefined) parameters.push(`xt=urn:btmh:${sha256Multihash}${v2}`)
  if (name !== undefined && name !== '') parameters.push(`dn=${percentEncoded(name)}`)
  if (lengthBytes !== undefined) parameters.push(`xl=${lengthBytes}`)
  for (const url of magnet.trackers) parameters.push(`tr=${percentEncoded(url)}`)
  for (const url of magnet.webSeeds) parameters.push(`ws=${percentEncoded(url)}`)
  for (const url of magnet.sources) parameters.push(`xs=${percentEncoded(url)}`)
  // Widely used clients read these two without resolving escapes.
  for (const peer of magnet.peers) parameters.push(`x.pe=${formatPeerAddress(peer)}`)
  if (selectedFiles !== undefined && selectedFiles.length > 0) {
    const ranges = selectedFiles.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`))
    parameters.push(`so=${ranges.join(',')}`)
  }
  return `${prefix}${parameters.join('&')}`
}
