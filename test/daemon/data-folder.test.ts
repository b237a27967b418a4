// Where the owner's data are kept, on each system and wherever it is named.
import assert from 'node:assert/strict'
import { resolve } from 'node:path'
import { test } from 'node:test'
import { dataFolder } from '../../src/daemon/data-folder.ts'

test('the data folder is where each system has such data', () => {
  assert.equal(dataFolder(undefined, {}, 'linux', '/home/a'), '/home/a/.local/share/swarmbid')
  assert.equal(dataFolder(undefined, { XDG_DATA_HOME: '/data' }, 'linux', '/home/a'), '/data/swarmbid')
  assert.equal(
    dataFolder(undefined, { XDG_DATA_HOME: 'relative' }, 'linux', '/home/a'),
    '/home/a/.local/share/swarmbid',
  )
  assert.equal(dataFolder(undefined, {}, 'darwin', '/Users/a'), '/Users/a/Library/Application Support/swarmbid')
  assert.match(dataFolder(undefined, { LOCALAPPDATA: 'C:\\Local' }, 'win32', 'C:\\a'), /^C:\\Local.swarmbid$/)
})

test('the command line names it before the environment, and the environment before the system', () => {
  const environment = { SWARMBID_DATA: '/named', XDG_DATA_HOME: '/data' }
  assert.equal(dataFolder(undefined, environment, 'linux', '/home/a'), '/named')
  assert.equal(dataFolder('/given', environment, 'linux', '/home/a'), '/given')
  assert.equal(dataFolder('given', environment, 'linux', '/home/a'), resolve('given'))
  assert.equal(dataFolder(undefined, { SWARMBID_DATA: '' }, 'linux', '/home/a'), '/home/a/.local/share/swarmbid')
})
