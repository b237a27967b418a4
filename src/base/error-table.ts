// Every error code of the product, once: what it means and what a user can do about it.
// docs/errors.md is generated from this table; a code, once released, keeps its meaning.

interface ErrorEntry {
  readonly meaning: string
  readonly remedy: string
}

const badTorrent = 'Get the .torrent file again from its publisher; this one cannot be used.'
const badPeer = 'Nothing to do: the peer is disconnected and the transfer goes on with others.'
const badTracker = 'Nothing to do: the answer is dropped and the next tracker is asked.'
const badQuery = 'Nothing to do: the datagram is dropped.'

export const errorTable = {
  // Command line
  'usage': { meaning: 'The command line is not understood.', remedy: 'See `swarmbid COMMAND --help`.' },
  'interrupted': { meaning: 'The program was asked to stop before it was done.', remedy: 'Run it again.' },
  'internal': {
    meaning: 'A defect of the program itself.',
    remedy: 'Please report it with the command and what was printed.',
  },

  // Files
  'file-not-found': { meaning: 'A file or folder that was named does not exist.', remedy: 'Check the path.' },
  'file-not-regular': {
    meaning: 'A folder, device, pipe or socket was named where an ordinary file is read.',
    remedy: 'Name a file; for bytes from a pipe name `-`.',
  },
  'file-name-encoding': {
    meaning: 'The name of a file on disk is not UTF-8, which torrents require.',
    remedy: 'Rename the file named in the message.',
  },
  'file-unreadable': { meaning: 'A file exists but cannot be read.', remedy: 'Check its permissions and the disk.' },
  'file-unwritable': {
    meaning: 'A file cannot be written.',
    remedy: 'Check permissions and free space, or choose another place.',
  },
  'file-exists': {
    meaning: 'The output file exists already and is left as it is.',
    remedy: 'Choose another name, or pass `--force`.',
  },
  'file-not-plain': {
    meaning: 'A link, a device or a folder stands where a file should be.',
    remedy: 'Remove it, or choose another folder; links are not followed there.',
  },
  'disk-full': {
    meaning: 'The disk, or the share of it this user may fill, is full, or what is free is kept for other torrents.',
    remedy: 'Free some space; what was paused goes on by itself.',
  },
  'file-changed': {
    meaning: 'A file changed while it was being read.',
    remedy: 'Run the command again when nothing writes to it.',
  },
  'content-mismatch': {
    meaning: 'Files on disk are not what the torrent describes.',
    remedy: 'The pieces named are damaged, incomplete or missing; download them again.',
  },

  // Bytes and amounts
  'hex-invalid': {
    meaning: 'Text that should be hexadecimal is not.',
    remedy: 'Check the text for missing or foreign characters.',
  },
  'bitfield-length': {
    meaning: 'A bitfield does not have the length that the number of pieces asks for.',
    remedy: 'Nothing to do: its sender is at fault and is not believed.',
  },
  'bitfield-spare-bits': {
    meaning: 'A bitfield has bits set beyond its last piece.',
    remedy: 'Nothing to do: its sender is at fault and is not believed.',
  },
  'amount-invalid': {
    meaning: 'Text is not an amount, or an ambiguous one.',
    remedy: 'Write it as a plain decimal such as `12.5 BTT`.',
  },
  'amount-out-of-range': {
    meaning: 'An amount is larger than 256 bits or finer than its token allows.',
    remedy: 'Use a smaller amount or fewer decimals.',
  },
  'amount-other-token': {
    meaning: 'An amount is in another token than its place asks for.',
    remedy: 'Write the amount in the token named; BTT and TEST are never exchanged for each other.',
  },

  // Bencode (BEP 3)
  'bencode-truncated': {
    meaning: 'Bencoded data ends in the middle of a value.',
    remedy: 'The data was cut off; get it again.',
  },
  'bencode-syntax': {
    meaning: 'Bytes are not bencoded data.',
    remedy: 'The data is damaged or something else altogether.',
  },
  'bencode-not-canonical': {
    meaning: 'Bencoded data is readable but not in its one correct form: leading zeros, unsorted or repeated keys.',
    remedy: 'The program that wrote it is at fault; get the data from elsewhere.',
  },
  'bencode-integer-range': {
    meaning: 'A bencoded integer does not fit in 64 bits.',
    remedy: 'The data is damaged or hostile.',
  },
  'bencode-trailing-data': {
    meaning: 'Bytes follow after a complete bencoded value.',
    remedy: 'The data is damaged; get it again.',
  },
  'bencode-too-large': {
    meaning: 'Bencoded data is larger than allowed at this place.',
    remedy: 'The data is unusual or hostile.',
  },
  'bencode-too-deep': {
    meaning: 'Bencoded lists or dictionaries are nested deeper than allowed.',
    remedy: 'The data is damaged or hostile.',
  },
  'bencode-too-many-tokens': {
    meaning: 'Bencoded data has more values than allowed.',
    remedy: 'The data is unusual or hostile.',
  },
  'bencode-type': {
    meaning: 'A bencoded value has another type than its place asks for.',
    remedy: 'The data is damaged or from a faulty program.',
  },

  // Metainfo (BEP 3, 12, 47, 52)
  'metainfo-not-dictionary': { meaning: 'The file is bencoded, but not a torrent.', remedy: badTorrent },
  'metainfo-info-missing': { meaning: 'A torrent lacks its info dictionary.', remedy: badTorrent },
  'metainfo-version': {
    meaning: 'A torrent is of a version this program does not know.',
    remedy: 'Update the program, or get the torrent in version 1 or 2.',
  },
  'metainfo-name': {
    meaning: 'The name of a torrent is missing, not a string, or without a usable character.',
    remedy: badTorrent,
  },
  'metainfo-piece-length': {
    meaning: 'The piece length is missing, not allowed, or over 512 MiB.',
    remedy: badTorrent,
  },
  'metainfo-pieces': {
    meaning: 'The list of piece hashes is missing or does not fit the content.',
    remedy: badTorrent,
  },
  'metainfo-too-many-pieces': {
    meaning: 'A torrent has more than 2,097,152 pieces.',
    remedy: 'Ask the publisher for a torrent with larger pieces.',
  },
  'metainfo-files': { meaning: 'A torrent describes no files, or its list of files is not one.', remedy: badTorrent },
  'metainfo-file-length': { meaning: 'The length of a file is missing, negative or too large.', remedy: badTorrent },
  'metainfo-total-length': { meaning: 'A torrent has no content, or more than 2^53 bytes.', remedy: badTorrent },
  'metainfo-path': { meaning: 'The path of a file is missing, malformed or too long.', remedy: badTorrent },
  'metainfo-duplicate-path': { meaning: 'Too many files of a torrent share one path.', remedy: badTorrent },
  'metainfo-symlink': { meaning: 'The target of a symbolic link in a torrent is malformed.', remedy: badTorrent },
  'metainfo-pad-file': {
    meaning: 'A pad file is where none may be: in a file tree, or as a link.',
    remedy: badTorrent,
  },
  'metainfo-file-tree': { meaning: 'The file tree of a version 2 torrent is malformed.', remedy: badTorrent },
  'metainfo-pieces-root': { meaning: 'A file of a version 2 torrent lacks a valid Merkle root.', remedy: badTorrent },
  'metainfo-piece-layers': {
    meaning: 'A piece layer of a version 2 torrent has a wrong size or belongs to none of its files.',
    remedy: badTorrent,
  },
  'metainfo-piece-layer-root': {
    meaning: 'A piece layer does not hash to the Merkle root of its file.',
    remedy: badTorrent,
  },
  'metainfo-hybrid-mismatch': {
    meaning: 'The version 1 and version 2 halves of a torrent describe different files.',
    remedy: badTorrent,
  },

  // Magnet links (BEP 9, 53)
  'magnet-syntax': {
    meaning: 'Text is not a magnet link.',
    remedy: 'Copy the whole link again; it begins with `magnet:?`.',
  },
  'magnet-topic': {
    meaning: 'A magnet link names no BitTorrent info hash, or a malformed one.',
    remedy: 'Copy the link again; it needs `xt=urn:btih:` or `xt=urn:btmh:`.',
  },
  'magnet-parameter': { meaning: 'A parameter of a magnet link is malformed.', remedy: 'Copy the link again.' },
  'magnet-too-large': {
    meaning: 'A magnet link is longer, or has more parameters, than allowed.',
    remedy: 'Remove trackers and peers from the link.',
  },

  // Creating torrents
  'create-options': {
    meaning: 'The options for a new torrent contradict each other or the content.',
    remedy: 'Change the option named in the message.',
  },
  'create-symlink': {
    meaning: 'The content has a symbolic link, or one that cannot be kept.',
    remedy: 'Choose what links become with `--symlinks skip`, `follow` or `keep`.',
  },
  'create-no-content': {
    meaning: 'There is nothing to make a torrent of.',
    remedy: 'Name a file that is not empty, or a folder with one in it.',
  },

  // Peer wire (BEP 3, 6, 9, 10, 11, 52, 54, 55)
  'peer-handshake': { meaning: 'A peer did not open with the BitTorrent handshake.', remedy: badPeer },
  'peer-encryption': {
    meaning: 'A peer opened an encrypted connection wrongly, or a plaintext one where that is not allowed.',
    remedy: badPeer,
  },
  'peer-frame-too-large': { meaning: 'A peer announced a message larger than its kind allows.', remedy: badPeer },
  'peer-frame-length': { meaning: 'A message from a peer has the wrong length for its kind.', remedy: badPeer },
  'peer-frame-value': { meaning: 'A message from a peer carries a value out of range.', remedy: badPeer },
  'peer-torrent': { meaning: 'A peer answered for another torrent than the one asked for.', remedy: badPeer },
  'peer-protocol': { meaning: 'A peer sent a message that may not come in the state it is in.', remedy: badPeer },
  'peer-flood': {
    meaning: 'A peer sends more messages than it can have use for, or does not read the answers.',
    remedy: badPeer,
  },
  'peer-metadata': { meaning: 'A peer sent metadata that is not that of the torrent.', remedy: badPeer },
  'peer-hashes': { meaning: 'A peer sent hashes that do not belong to the torrent.', remedy: badPeer },
  'peer-damaged-block': {
    meaning: 'A peer sent a block that is not of the torrent.',
    remedy: 'Nothing to do: the peer is not talked to for a while, and the piece is fetched from others.',
  },
  'peer-not-needed': {
    meaning: 'Neither we nor the peer want anything of the other.',
    remedy: 'Nothing to do: the place is free for others.',
  },
  'peer-extension': { meaning: 'An extension message from a peer is malformed.', remedy: badPeer },

  'local-announce': {
    meaning: 'A message of local discovery (BEP 14) is malformed.',
    remedy: 'Nothing to do: the message is dropped.',
  },

  // Speed: payment between peers (docs/protocol/speed.md)
  'speed-message': {
    meaning: 'A message about payment from a peer is malformed.',
    remedy: 'Nothing to do: nothing is paid on that connection any more, which goes on as any other.',
  },
  'speed-state': {
    meaning: 'A message about payment came where none of its kind may come.',
    remedy: 'Nothing to do: it is refused, and the peer told so.',
  },
  'speed-terms': {
    meaning: 'A peer and we trust no ledger in common, or neither pays the other.',
    remedy: 'Nothing to do: the connection goes on without payment. Join the ledger of those you would deal with.',
  },
  'speed-identity': {
    meaning: 'A peer did not prove that an account is its own, or it is our own account.',
    remedy: 'Nothing to do: nothing is paid on that connection, which goes on as any other.',
  },
  'speed-refused': {
    meaning: 'A peer refused a message about payment, for the reason it gave.',
    remedy: 'Nothing to do: the connection goes on without it.',
  },

  'endpoint-list': {
    meaning: 'A list of compact endpoints has a length that fits no whole number of them.',
    remedy: 'Nothing to do: the list is dropped.',
  },

  // Trackers (BEP 3, 7, 15, 23, 24, 31, 41, 48)
  'tracker-failure': {
    meaning: 'A tracker refused the request and said why.',
    remedy: 'Read its reason; a private tracker may want another passkey.',
  },
  'tracker-response': { meaning: 'The answer of a tracker is malformed.', remedy: badTracker },
  'tracker-url': {
    meaning: 'The address of a tracker is no URL of a kind this program can use.',
    remedy: 'Check the URL; trackers begin with http://, https:// or udp:// and a host.',
  },
  'tracker-forbidden': {
    meaning: 'A tracker leads to an address of the local network, which a torrent or a redirect may not.',
    remedy: 'Add the tracker yourself, or allow local addresses, if it is meant.',
  },
  'tracker-request': {
    meaning: 'A request to our tracker is malformed.',
    remedy: 'The client that sent it is at fault.',
  },
  'tracker-list': {
    meaning: 'A list for our tracker, of users or of torrents, is not understood.',
    remedy: 'Correct the line named; until then the tracker does not start, or goes on with the list it had.',
  },
  'tracker-state': {
    meaning: 'The file with the swarms of our tracker is damaged, or of another kind or version.',
    remedy: 'Remove it to begin without peers; they come back as they announce.',
  },
  'redis-unreachable': {
    meaning: 'Our tracker cannot reach the Redis server that it is to share its swarms through.',
    remedy: 'Check the URL given with `--redis`, and that the server runs and lets this machine in.',
  },

  // Web seeds (BEP 19)
  'web-seed-url': {
    meaning: 'The address of a web seed is no URL of a kind this program can use.',
    remedy: 'Check the URL; web seeds begin with http:// or https:// and a host. Others are passed over.',
  },
  'web-seed-forbidden': {
    meaning: 'A web seed leads to an address of the local network, which a torrent or a redirect may not.',
    remedy: 'Add the web seed yourself (`--web-seed`), or allow local addresses, if it is meant.',
  },
  'web-seed-missing': {
    meaning: 'A web seed does not have a file of the torrent, or has another one in its place.',
    remedy: 'Nothing to do: that file is asked of others. The publisher may want to know.',
  },
  'web-seed-response': {
    meaning: 'A web server sent something else than the part of the file that it was asked for.',
    remedy: 'Nothing to do: others are asked, and the server is tried again or given up.',
  },
  'web-seed-busy': {
    meaning: 'A web server has no time for us, or trouble of its own.',
    remedy: 'Nothing to do: it is asked again after a while.',
  },
  'web-seed-damaged': {
    meaning: 'A web seed sent content whose hash is wrong; it is asked for nothing any more.',
    remedy: 'Nothing to do: the content is fetched from others. The publisher may want to know.',
  },

  // KRPC (BEP 5, 32, 33, 42, 43, 44, 51)
  'krpc-message': { meaning: 'A DHT datagram is not a KRPC message.', remedy: badQuery },
  'krpc-argument': { meaning: 'An argument of a DHT message is missing or malformed.', remedy: badQuery },
  'krpc-unknown-method': { meaning: 'A DHT query asks for a method this node does not know.', remedy: badQuery },
  'dht-unreachable': {
    meaning: 'No node of the DHT answered.',
    remedy: 'Check the network and that UDP is let through, or name nodes with `--bootstrap`.',
  },
  'dht-off': {
    meaning: 'What is asked for is in the DHT alone, and the DHT is off.',
    remedy: 'Leave out `--no-dht`; bound to a loopback address, name a node with `--dht-bootstrap`.',
  },
  'dht-not-found': {
    meaning: 'No node of the DHT that was asked has the item.',
    remedy: 'Check the target and the salt; items are forgotten two hours after they were last put.',
  },
  'dht-value': {
    meaning: 'A hash, key, salt or value for the DHT is malformed or too long.',
    remedy: 'Correct the value named in the message.',
  },

  // Sessions
  'torrent-unknown': { meaning: 'No torrent of this id is here.', remedy: 'Look at the list of torrents for its id.' },
  'torrent-not-ready': {
    meaning: 'What was asked for needs the metadata of a torrent, or the end of what is being done with it.',
    remedy: 'Try again when the torrent has its metadata and is not being checked or moved.',
  },
  'torrent-unreachable': {
    meaning: 'A torrent is not complete here, and nothing is known that could find peers for it.',
    remedy:
      'Name a tracker (`--tracker`) or a peer (`--peer`), or with `--port` a port where peers that know this address ' +
      'will find it.',
  },
  'torrent-value': {
    meaning: 'A value in a command makes no sense for the torrent it is for.',
    remedy: 'Correct the value named in the message.',
  },
  'files-missing': {
    meaning: 'Files that were here are gone, and are not downloaded again unasked.',
    remedy: 'Put them back and recheck, or ask for them to be downloaded again.',
  },
  'peer-surplus': {
    meaning: 'A peer was let go because there are more than the limits allow.',
    remedy: 'Nothing to do, or raise the limits.',
  },
  'peer-duplicate': {
    meaning: 'A peer is connected already, or is this program itself.',
    remedy: 'Nothing to do: one connection serves.',
  },

  // Network
  'address-in-use': {
    meaning: 'Another program listens on this port already.',
    remedy: 'Choose another port, or end the other program.',
  },
  'address-unavailable': {
    meaning: 'This machine does not have the address it was to listen on, or may not use the port.',
    remedy: 'Check the address; ports below 1024 often need rights.',
  },
  'name-unknown': { meaning: 'A host name does not resolve.', remedy: 'Check the name and the DNS of this machine.' },
  'connection-failed': {
    meaning: 'A connection was refused, unreachable or broken off.',
    remedy: 'Nothing to do: it is tried again later, or with others.',
  },
  'timed-out': {
    meaning: 'The other side did not answer in time.',
    remedy: 'Nothing to do: it is tried again later, or with others.',
  },
  'certificate-invalid': {
    meaning: 'The certificate of an HTTPS server is not valid for its name.',
    remedy: 'Ask whoever runs the server; the connection would not be safe.',
  },
  'http-malformed': { meaning: 'The answer of a web server is not HTTP.', remedy: 'Check the URL.' },
  'http-too-large': { meaning: 'The answer of a web server is larger than allowed.', remedy: 'Check the URL.' },

  // What the program keeps
  'torrent-locked': {
    meaning: 'Another process works on the same torrent, with the same state folder.',
    remedy: 'End the process named in the message, or wait for it; a copy beside it needs a state folder of its own.',
  },
  'resume-damaged': {
    meaning: 'What was kept of a torrent from the last time is damaged or of a later version.',
    remedy: 'Add the torrent again in the same folder; its content is checked and used.',
  },
  'store-conflict': {
    meaning: 'A record that is written once exists already.',
    remedy: 'Nothing to do: the first one counts.',
  },
  'store-locked': {
    meaning: 'Another process has the database open.',
    remedy: 'End that process, or use it; two never write to one database.',
  },
  'store-damaged': {
    meaning: 'The database is damaged, and nothing more is written to it.',
    remedy: 'Restore a backup; keep the damaged files to find out why.',
  },

  // Wallet and ledger
  'wallet-locked': { meaning: 'The wallet is locked.', remedy: 'Unlock it with its passphrase.' },
  'wallet-missing': {
    meaning: 'There is no wallet in the data folder.',
    remedy: 'Make one with `swarmbid wallet create`, or bring one back with `swarmbid wallet restore`.',
  },
  'wallet-exists': {
    meaning: 'There is a wallet in the data folder already, and it is never overwritten.',
    remedy: 'Use another data folder (`--data`), or move the file away after a backup.',
  },
  'wallet-damaged': {
    meaning: 'A file of the wallet is not of the form that it should have, or does not hold what it says.',
    remedy: 'Restore it from a backup or from the phrase; keep the damaged file to find out why.',
  },
  'wallet-busy': {
    meaning: 'Another process uses the wallet, so that it cannot be changed now.',
    remedy: 'Wait for the process named in the message, or end it.',
  },
  'passphrase-wrong': {
    meaning: 'The passphrase does not open the wallet.',
    remedy: 'Try again; without it, restore the wallet from its phrase.',
  },
  'passphrase-unfit': {
    meaning: 'A new passphrase is too short or too long, or has characters that cannot be typed again.',
    remedy: 'Choose one of 8 to 256 characters, of which you can type every one.',
  },
  'phrase-invalid': {
    meaning: 'The words are not the phrase of a wallet.',
    remedy: 'Compare each word and their order with what was written down.',
  },
  'rail-unknown': {
    meaning: 'The wallet was asked to sign for a ledger or chain that its owner did not choose.',
    remedy: 'Join the ledger first; nothing was signed.',
  },
  'spending-off': {
    meaning: 'Spending is switched off.',
    remedy: 'Switch it on with `swarmbid wallet spending on`.',
  },
  'earning-off': {
    meaning: 'Earning is switched off.',
    remedy: 'Switch it on with `swarmbid wallet earning on`.',
  },
  'earn-place-taken': {
    meaning: 'The folder in which a torrent would be kept to earn with holds something already.',
    remedy: 'Look at what is in it; it is left alone, and so is the torrent.',
  },
  'earn-other-torrent': {
    meaning: 'What a catalogue leads to is another torrent than it was, or is here already.',
    remedy: 'Nothing to do: it is left alone for a while.',
  },
  'catalog-malformed': {
    meaning: 'A catalogue of torrents cannot be read, or is too large.',
    remedy: 'Name a folder of torrent files, a list with one torrent a line, or a feed.',
  },
  'spending-limit': {
    meaning: 'A payment is over a limit the owner set.',
    remedy: 'Confirm it, or raise the limit.',
  },
  'spending-refused': { meaning: 'The owner did not allow a payment.', remedy: 'Ask again if it was a mistake.' },
  'funds-insufficient': {
    meaning: 'An account has less than a payment needs.',
    remedy: 'Earn or deposit more, or pay less.',
  },
  'lane-closed': { meaning: 'A lane is closed or unknown.', remedy: 'Nothing to do: a new lane is opened.' },
  'account-invalid': {
    meaning: 'An account, an address or the name of a rail is not written correctly.',
    remedy: 'Copy it again; where it has a checksum, one character is wrong.',
  },
  'statement-malformed': {
    meaning: 'An operation, voucher, lane or receipt is not of the form that is signed.',
    remedy: 'Nothing to do: it is not accepted.',
  },
  'voucher-invalid': {
    meaning: 'A voucher is not larger than the last, over the deposit, or not signed by the payer.',
    remedy: 'Nothing to do: it is not accepted and its sender is choked.',
  },
  'signature-invalid': {
    meaning: 'A signature is malformed, or by another key.',
    remedy: 'Nothing to do: what it signed is not accepted.',
  },
  'ledger-conflict': {
    meaning: 'An operation reuses the id of another one.',
    remedy: 'Please report it: ids are drawn once.',
  },
  'ledger-refused': {
    meaning: 'The ledger refused an operation and said why.',
    remedy: 'Read its reason; nothing was charged.',
  },
  'ledger-damaged': {
    meaning: 'The journal of a ledger does not hold: it was damaged or tampered with at the entry named.',
    remedy: 'Nothing is added to it; restore a backup, and keep the damaged one to find out why.',
  },
  'ledger-missing': {
    meaning: 'There is no ledger here, and none was joined.',
    remedy: 'Make one with `swarmbid ledger init`, or join one with `swarmbid ledger join`.',
  },
  'ledger-busy': {
    meaning: 'A ledger was asked for more than it does at once, or does for one account or address; nothing was done.',
    remedy: 'Nothing to do: it is asked again a little later.',
  },
  'ledger-ambiguous': {
    meaning: 'Several ledgers are known, and none was named, or a name that more than one has.',
    remedy: 'Name one with `--ledger`; `swarmbid ledger status` lists them.',
  },
  'ledger-list-damaged': {
    meaning: 'The list of ledgers that were joined cannot be read.',
    remedy: 'Move the file away and join the ledgers again.',
  },
  'ledger-untrue': {
    meaning: 'What a ledger says is not signed by its operator, or contradicts what the operator signed before.',
    remedy: 'Use that ledger no more; the contradiction is kept, and proves to anyone what the operator did.',
  },
  'ledger-unreachable': {
    meaning: 'The ledger does not answer; whether the operation was carried out is not known yet.',
    remedy: 'Nothing to do: it is asked again, and nothing is done twice.',
  },
} as const satisfies Record<string, ErrorEntry>

export type ErrorCode = keyof typeof errorTable
