// What comes back from a kept record and the .torrent beside it, whatever became of the two.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeContent } from '../../sim/world/content.ts'
import { unwrap } from '../../src/base/errors.ts'
import { sessionConfig } from '../../src/session/session-config.ts'
import { restoreTorrent } from '../../src/session/torrent-record.ts'
import type { ResumeRecord } from '../../src/storage/resume-record.ts'

const [one, other] = [makeContent({ seed: 1 }), makeContent({ seed: 2 })]
const config = sessionConfig({ stateFolder: '/state', downloadFolder: '/content' })
const id = one.info.infoHashV1 ?? ''

function recordOf({ info: { infoHashV1 } }: typeof one): ResumeRecord {
  return {
    ...(infoHashV1 === undefined ? {} : { infoHashV1 }),
    displayName: 'kept',
    folder: '/kept',
    flags: ['started', 'placed'],
    limits: {},
    trackers: [],
    userTrackers: [],
    webSeeds: [],
    userWebSeeds: [],
    priorities: [],
    totals: { downloadedBytes: 7, uploadedBytes: 0, activeSeconds: 0, seedingSeconds: 0 },
    trackerKey: 1,
    addedMs: 1,
    peers: [],
    storage: { have: new Uint8Array(2).fill(255), partials: [], files: [] },
  }
}

test('a record counts for its own torrent, with the .torrent and without it', () => {
  for (const metainfo of [one.metainfo, undefined]) {
    const { facts, storage } = unwrap(restoreTorrent(id, recordOf(one), metainfo, config, 0))
    assert.deepEqual([facts.folder, facts.wantsToRun, facts.totals.downloadedBytes], ['/kept', true, 7])
    assert.notEqual(storage, undefined)
  }
})

test('nothing is believed of a record of another torrent: it comes back stopped, from its .torrent alone', () => {
  const { facts, storage } = unwrap(restoreTorrent(id, recordOf(other), one.metainfo, config, 0))
  assert.deepEqual([facts.folder, facts.wantsToRun, facts.totals.downloadedBytes], ['/content', false, 0])
  assert.equal(storage, undefined)
  const alone = restoreTorrent(id, recordOf(other), undefined, config, 0)
  assert.equal(alone.ok ? '' : alone.code, 'resume-damaged')
})
