// libtorrent as one of the foreign programs, over the process of libtorrent.ts.
// Guarantees: as foreign-program.ts says.
import type { ForeignPeer, ForeignProgram, ForeignTask } from './foreign-program.ts'
import { versionOf } from './foreign-program.ts'
import { startLibtorrent } from './libtorrent.ts'

async function start(task: ForeignTask): Promise<ForeignPeer> {
  const {
    source,
    folder,
    role,
    address,
    uploadLimit = -1,
    uploadSlots,
    requiresEncryption = false,
    wrapper = [],
  } = task
  const settings = {
    listen_interfaces: `${address}:0`,
    outgoing_interfaces: address,
    ...(uploadSlots === undefined ? {} : { unchoke_slots_limit: uploadSlots }),
    ...(requiresEncryption ? { in_enc_policy: 0, out_enc_policy: 0, allowed_enc_level: 2 } : {}),
  }
  const started = await startLibtorrent({ source, folder, isSeed: role === 'seed', uploadLimit, settings, wrapper })
  const isSaid = (type: string) => started.lines.some((line) => line.type === type)
  return {
    port: started.port,
    progress() {
      const done = started.lines.find(({ type }) => type === 'done')
      if (started.process.exitCode !== null) throw new Error('libtorrent has ended')
      return {
        doneBytes: isSaid('connected') ? 1 : 0,
        isComplete: role === 'seed' || done !== undefined,
        ...(done?.transferSeconds === undefined ? {} : { seconds: done.transferSeconds }),
      }
    },
    said: () => `libtorrent said last:\n${started.said()}`,
    async stop() {
      await started.end()
    },
  }
}

export const libtorrent: ForeignProgram = {
  name: 'libtorrent',
  origin: 'the Debian package python3-libtorrent',
  versions: ['v1', 'v2', 'hybrid'],
  asksUdpTrackers: true,
  readsHybridLinks: true,
  followsLinks: true,
  dialsLoopback: true,
  remarks: [],
  version: () => versionOf('/usr/bin/python3', ['-c', 'import libtorrent; print(libtorrent.__version__)'], /^(\S+)/),
  start,
}
