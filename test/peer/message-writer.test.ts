// Messages that wait: for whom somebody is asked to flush, and what leaves together.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessages } from '../formats/peer/recorded-wire.ts'
import { livePeer } from './piped-connection.ts'

test('a have that may wait asks nobody to flush, and leaves with the next message, in order', () => {
  let asked = 0
  const { connection, sink } = livePeer({ onWaiting: () => void asked++ })
  connection.haveLater(3)
  connection.haveLater(4)
  assert.deepEqual([asked, sink.writes], [0, 0])
  connection.have(5)
  connection.haveLater(6)
  connection.have(7)
  assert.equal(asked, 1)
  connection.flush()
  assert.equal(sink.writes, 1)
  const pieces = [3, 4, 5, 6, 7]
  assert.deepEqual(sink.take(), encodeMessages(pieces.map((piece) => ({ type: 'have', piece }))))
  connection.haveLater(8)
  connection.have(9)
  assert.equal(asked, 2)
  connection.flush()
  assert.equal(sink.take().length, 18)
})
