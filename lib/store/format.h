/*
 * An account on the disk: the whole specification.  test/format/reader.py is
 * written from this comment alone.
 *
 * == 1. Files ==
 *
 * accounts/NAME/log/       the journal: all that matters, described in 2 to 5
 * accounts/NAME/state      the checkpoint: derived, see store/checkpoint.c
 * accounts/NAME/suspects   which message was being parsed: see store/suspect.h
 * accounts/NAME/lock       held by the process that has the account open
 * log/NNNNNN               a segment (decimal, at least six digits)
 * log/body-XXXXXXXXXXXXXXXX  the bytes of one big message (name hexadecimal)
 * log/NNNNNN.toc           a table of contents: derived, see journal/toc.h
 * log/NNNNNN.new           a segment that was not finished
 * log/NNNNNN.bad           a segment that a repair could not read, or not all
 *                          of it: then NNNNNN is what could be read
 * log/reserve              room for the day on which the disk is full
 *
 * Derived files, .new and the reserve may be removed while nobody has the
 * account open.  All integers are big-endian; messages' bytes stand as they
 * are.  CRC-32C is Castagnoli's, SipHash is SipHash-2-4 with its 8 bytes
 * little-endian.
 *
 * == 2. The journal ==
 *
 * Segment.  The first 4096 bytes hold the header twice, at 0 and at 2048; one
 * good copy is enough.  Records follow, the first at 4096.
 *
 *    0  8  "hmjrnl\r\n"
 *    8  2  format version: 1; 2 of a compacted segment, see below
 *   10  2  length of this copy without its checksum: 104 + 8 * number at 96
 *   12  4  who uses the journal: "mail" or "spol"
 *   16  4  number of the segment, as in its name
 *   20  4  number of the predecessor, 0: none
 *   24  8  epoch: random, new only when a journal is replaced as a whole or
 *          something that clients remember may have been lost
 *   32 16  random key of SipHash-2-4 for the records of this segment
 *   48  8  when it was begun, ms since 1970
 *   56  8  lowest sequence number that may be in it
 *   64  8  predecessor's epoch
 *   72  8  predecessor's last valid sequence number
 *   80  8  predecessor's last valid place: offset behind that record; what
 *          follows it there is void (it was copied here if it was whole)
 *   88  8  reserved, 0
 *   96  4  how many ranges of segments this one replaces (compaction)
 *  100  4  reserved, 0
 *  104  8  for each range: first and last number
 *   ..  4  CRC-32C of all before it
 *
 * Record.  Begins at a multiple of 8; header, payload, zeros up to the next
 * multiple of 8.
 *
 *    0  4  length of the payload
 *    4  2  type: 1 commit, 2 snapshot; 16 and above are the user's
 *    6  1  flags: 1 NAMED (its bytes are asked for by sequence number),
 *          2 ELSEWHERE (the payload is a reference to a file of its own)
 *    7  1  codec of the payload, 0: none
 *    8  8  sequence number, rising by one (a commit has its predecessor's)
 *   16  8  time, ms since 1970
 *   24  4  CRC-32C of the payload
 *   28  4  length of the payload once decoded by its codec
 *   32  8  SipHash of the 32 bytes before, under the segment's key
 *   40 ..  payload
 *
 * Bodies are strangers' bytes: without the key nobody can write a mail that
 * looks like a record to a program that searches behind a damage.
 *
 * Commit record (type 1), at the end of each batch; payload:
 *
 *    0  8  up to which sequence number its writer knew the log to be flushed
 *    8  4  how many records the batch has, itself not counted
 *   12  4  flags: 1 CLEAN (end of an orderly shutdown; the next writer puts
 *          its first batch over this record), 2 GAPS (numbers rise, but some
 *          are left out)
 *
 * A batch of n records is whole if they and their commit are intact and the
 * numbers have no gap.  Zeros, or the end of the file, are the end.
 *
 * Reference (flag ELSEWHERE); payload: 8 name, 8 length, 4 CRC-32C of the
 * bytes, which are the file log/body-XXXXXXXXXXXXXXXX (name in hexadecimal).
 * The file and the folder were flushed before the record was written.
 *
 * Compacted segment (version 2).  It has the place and the number
 * of the last of the segments that it was made of, has the predecessor of the
 * first of them, and names the others as replaced.  It is one batch: snapshot
 * records, then those NAMED records of the old ones that are still wanted, as
 * they were, under the new key; then a commit with GAPS whose sequence number
 * is the last that may be in it, and which ends the segment (what its
 * successor says about a place is about the segment that was).
 * Snapshot record (type 2, sequence number 0); payload: 8 sequence number for
 * which it stands, 4 index of this piece, from 0, 4 how many pieces there are,
 * then bytes of the user's: their state after all records up to that number,
 * each of which had been flushed before the segment was.  The one with the
 * highest number counts; records up to it, wherever they stand, give their
 * bytes only.
 *
 * == 3. Reading the journal back ==
 *
 * Let F be the highest "known to be flushed" of all commit records and "last
 * valid number of the predecessor" of all headers.  Up to F
 * each record stands on its own checksum: what cannot be read is skipped and
 * reported, all else is kept.  Behind F follow the batches that may have been
 * only in the page cache: as far as they are whole and have no gap they count,
 * and are copied into a new segment and flushed before anything is answered;
 * the rest is void, left in place and reported.
 *
 * In order: segments are read by rising number, without those that a readable
 * header names as replaced.  In a segment that has a successor only records
 * count whose number is at most what the successor's header calls its
 * predecessor's last (at 72); in a compacted one at most that of its commit;
 * in the last one those that the rule above keeps.  A number that was seen
 * already is not looked at again.
 *
 * == 4. Records of the kind "mail" ==
 *
 * Type 16 MESSAGE is NAMED: its payload, or the file that it refers to, is a
 * message with CRLF line ends.  Other records name it by its number.
 *
 * Type 29 VERDICT is NAMED, too, and directly behind a MESSAGE: what was found
 * out about that when it arrived, in the rows that msgauth/verdict.h describes.
 * It is there or not, and stays as long as the message does.
 *
 * All others are changes of the state.  The payload is a row of fields: 2 tag,
 * 4 length, value.  Tags have their high bit (8000h) set if a reader that does
 * not know them must give up; all below have it.  What is zero or empty is
 * left out.  A number is a varint: 7 bits a byte, low ones first, the high bit
 * says that more follow.  A signed number (s) is put as varint of
 * (v << 1) ^ (v >> 63).  Ranges are pairs of varints: distance of the first
 * from the last end (at the start 0), length less 1.
 *
 *    1 mailbox (its id)      7 system flags      13 special uses
 *    2 messages              8 keyword bits      14 selectable (0 or 1)
 *    3 UIDs (ranges)         9 slot              15 on (0 or 1)
 *    4 source (mailbox id)  10 delivery id (16)  16 keyword id
 *    5 source UIDs (ranges) 11 name (UTF-8)      17 pair
 *    6 operation            12 UIDVALIDITY       18 keep name (0 or 1)
 *   19 text                 20 until             21 number of bytes
 *   22 kind
 *
 * Messages: how many, then for each: UID, system flags, keyword bits, internal
 * date (s), its zone in minutes (s), save date (s), number of the bytes' record
 * (s), size, 0.  UID, both dates and the record are the difference from the
 * message before, of the first from 0.  Dates are seconds since 1970.
 * System flags: 1 \Seen, 2 \Answered, 4 \Flagged, 8 \Deleted, 16 \Draft.
 * Slot: varints bit and keyword id: that bit of the mailbox's messages means
 * this keyword.  If it meant another one, no message there has it; expunged
 * ones that have it lose it.  A field may be there several times.
 * Pair: mailbox id (varint), then in VALIDITY its UIDVALIDITY (varint), in
 * RENAMED its name (the rest of the value).
 * Special uses, one byte: 0 none; 1 \Drafts, 2 \Sent, 3 \Junk, 4 \Trash,
 * 5 \Archive, 6 \All, 7 \Flagged; 128 and more: the bits 1 << (n - 1) of
 * several.
 *
 * What they do; n is the record's number, t its time:
 *
 * 17 ADDED  Slots are set.  Messages whose UID is below the mailbox's UIDNEXT
 *           are void; the others are appended with MODSEQ n, UIDNEXT becomes
 *           the last UID and 1.  A mailbox that is not known is made, called
 *           Recovered-ID, with the next UIDVALIDITY.  With a delivery id: this
 *           delivery is done.  With a source: the source UIDs leave that
 *           mailbox (MOVE; also REPLACE).
 * 18 FLAGS  Slots are set.  Of the UIDs: operation 0 sets system flags and
 *           keyword bits, 1 adds, 2 removes them; MODSEQ n.
 * 19 EXPUNGED  The UIDs leave the mailbox.
 * 20 MADE   A mailbox with this id, name, UIDVALIDITY, uses, selectable; on:
 *           subscribed, too.  One of that name that is there already (a level
 *           that was only a name) goes.
 * 21 RENAMED   Each pair's mailbox gets the pair's name.
 * 22 DELETED   The mailbox and all in it goes; keep name: one with the same id
 *           and name that is not selectable stays.
 * 23 SUBSCRIBED   The name is subscribed (on), or no longer.
 * 24 KEYWORD   The account's keyword id has this name.
 * 25 VALIDITY  Each pair's mailbox gets the pair's UIDVALIDITY.  Unless "on",
 *           something was lost before: MESSAGE records up to n that no
 *           mailbox holds may be what was lost, and stay.
 * 27 SCRIPT  Rules (RFC 5228), by kind (0 the person's, 1 of a page, 2 what was
 *           filled in there) and name.  Operation 0: text becomes the script of
 *           that name; 1: it is gone; 2: it gets the name in the pair; 3: it is
 *           the active one, and no other; no name: none is.
 * 28 PURGED  What left the mailbox with these UIDs cannot come back, nor
 *           anything else that left with the same bytes.
 * 30 MEMO   With a delivery id: this delivery is done, without a message.  With
 *           text (16 bytes, a hash): that is remembered until then (seconds
 *           since 1970), by kind: 1 of rules, a message that was seen or a
 * sender who was answered; 2 something its owner was told. 31 OUTGOING
 * Operation 0: the bytes of that number, so many ("until"), are to be sent as
 * the delivery id says, to whom the text says (see account/outgoing.h); they
 * stay as long.  1: no longer.  That delivery id is not one of this account's.
 *
 * What leaves a mailbox is a tombstone: the message as it was with MODSEQ n,
 * the mailbox, t, and a number of the account's that rises by one.  A mailbox
 * that is DELETED leaves a tombstone for each of its messages, and its name to
 * them.  Each of these changes raises the HIGHESTMODSEQ of the mailboxes in it
 * to n.
 *
 * == 5. The state in a snapshot record ==
 *
 * The pieces put together: 4 version (1, 2 with rules), 8 number of messages,
 * 48 bytes for each, in the mailboxes' order; then all as varints, texts as
 * length and bytes:
 *
 *    last UIDVALIDITY, last mailbox id, number of the last change of names,
 *    of the last VALIDITY, of the last one that followed a loss;
 *    how many purged records of bytes that it might otherwise keep, each;
 *    how many keyword ids, the name of each (empty: not used), from id 1;
 *    how many subscriptions, the name of each;
 *    how many deliveries: 16 bytes id, number, time (s), UIDVALIDITY, UID;
 *    how many mailboxes, by id: id, name, uses, selectable, UIDVALIDITY,
 *      UIDNEXT, HIGHESTMODSEQ, how many messages, how many not \Seen, how many
 *      \Deleted, sum of sizes, how many at the front are all \Seen, how many
 *      slots, the keyword id of each; the MODSEQ up to which it does not know
 *      all that vanished, how many rows of UIDs vanished, each as MODSEQ,
 *      first and last UID;
 *    last tombstone number; how many tombstones: mailbox, number, whether it
 *      was only moved (0 or 1), time (ms, s), 48 bytes of message;
 *    how many names of mailboxes that are gone: id, name;
 *    of version 2: number of the last SCRIPT; how many scripts: kind, name,
 *      whether it is active, text; how many memos: kind, 16 bytes, until (s);
 *      how many OUTGOING wait: 16 bytes id, number of bytes, size, text.
 *
 * A message in 48 bytes: 8 MODSEQ, 8 record of its bytes, 8 keyword bits,
 * 8 internal date, 4 UID, 4 size, 4 save date, 2 zone (signed), 1 system
 * flags, 1 zero.
 */
#ifndef STORE_FORMAT_H
#define STORE_FORMAT_H

#endif
