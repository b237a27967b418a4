// Entry of a database's thread: does what it is told in order, one message at a time, and puts what was not synced on
// the disk within half a second. Ends when the database is closed.
import { parentPort, workerData } from 'node:worker_threads'
import { present } from '../base/assert.ts'
import { type SqliteOptions, SqliteTables } from './sqlite-tables.ts'
import type { StoreAnswer, StoreOrder } from './store-message.ts'

const syncAfterMs = 500

const port = present(parentPort, 'a thread of its own')
const opened = SqliteTables.open(workerData as SqliteOptions)

function answer(message: StoreAnswer): void {
  port.postMessage(message)
}

function serve(tables: SqliteTables): void {
  let timer: NodeJS.Timeout | undefined
  // Again, when there was no room.
  const syncSoon = () => {
    timer ??= setTimeout(() => {
      timer = undefined
      tables.sync()
      if (tables.hasUnsynced) syncSoon()
    }, syncAfterMs)
  }
  port.on('message', (order: StoreOrder) => {
    switch (order.type) {
      case 'commit':
        answer({ type: 'committed', results: tables.commit(order.batches) })
        if (tables.hasUnsynced) syncSoon()
        break
      case 'get':
        answer({ type: 'got', ticket: order.ticket, result: tables.get(order.table, order.key) })
        break
      case 'range':
        answer({ type: 'ranged', ticket: order.ticket, result: tables.range(order.table, order.range) })
        break
      case 'close':
        clearTimeout(timer)
        answer({ type: 'closed', result: tables.close() })
        port.close()
        break
      default:
        order satisfies never
    }
  })
}

answer({ type: 'opened', result: opened.ok ? { ok: true, value: undefined } : opened })
if (opened.ok) serve(opened.value)
else port.close()
