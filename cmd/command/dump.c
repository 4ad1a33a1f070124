#include "cmd/command/dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/be.h"
#include "base/clk.h"
#include "base/io.h"
#include "cmd/command/command.h"
#include "journal/crc32c.h"
#include "journal/journal.h"
#include "journal/toc.h"
#include "msgauth/verdict.h"

#define TOC_HEAD     40
#define TOC_BLOCK    40
#define STATE_HEAD   128 /* as lib/store/checkpoint.c writes it */
#define TYPE_VERDICT 29	 /* of a mail journal: see store/format.h */
#define CHUNK	     65536

static const char *
time_text(uint64_t ms, char out[32])
{
	struct clk_tm t;

	clk_civil((int64_t)(ms / 1000), &t);
	(void)snprintf(out, 32, "%04d-%02d-%02dT%02d:%02d:%02dZ", t.year,
	    t.month, t.day, t.hour, t.minute, t.second);
	return out;
}

/* As store/format.h and spool/record.h number them. */
static const char *
type_name(const char kind[4], uint16_t type)
{
	static const char *const mail[] = {"message", "added", "flags",
	    "expunged", "made", "renamed", "deleted", "subscribed", "keyword",
	    "validity", "metadata", "script", "purged", "verdict", "memo",
	    "outgoing"};

	if (type == JOURNAL_TYPE_COMMIT)
		return "commit";
	if (type == JOURNAL_TYPE_SNAPSHOT)
		return "snapshot";
	if (memcmp(kind, "mail", 4) == 0 && type >= JOURNAL_TYPE_USER &&
	    type - JOURNAL_TYPE_USER < (int)(sizeof mail / sizeof mail[0]))
		return mail[type - JOURNAL_TYPE_USER];
	return "record";
}

/* Has the payload its checksum? */
static bool
is_whole(int fd, uint64_t off, const struct rec_header *h)
{
	char *chunk = xmalloc(CHUNK);
	uint64_t at = 0;
	uint32_t crc = 0;
	bool ok = true;

	while (ok && at < h->len) {
		size_t n = h->len - at < CHUNK ? (size_t)(h->len - at) : CHUNK;

		ok = io_pread_all(fd, chunk, n, off + at) == RC_OK;
		if (ok)
			crc = crc32c(crc, chunk, n);
		at += n;
	}
	free(chunk);
	return ok && crc == h->crc;
}

/* What was found out about the message in front of it. */
static void
print_verdict(int fd, uint64_t off, const struct rec_header *h)
{
	char raw[VERDICT_BYTES_MAX];
	struct verdict v;
	struct buf b;

	if (h->len > sizeof raw ||
	    io_pread_all(fd, raw, h->len, off + REC_HEADER) != RC_OK ||
	    verdict_decode(sv_of(raw, h->len), &v) != RC_OK)
		return;
	buf_init(&b, 2 * VERDICT_BYTES_MAX);
	verdict_print(&v, &b);
	printf("  %s", b.p);
	buf_fini(&b);
}

static void
print_record(
    int fd, uint64_t off, const char kind[4], const struct rec_header *h)
{
	char when[32], raw[COMMIT_BYTES], name[SEG_NAME_MAX];
	struct commit c;
	struct body_ref ref;
	bool ok = is_whole(fd, off + REC_HEADER, h);

	printf("%10" PRIu64 "  %8" PRIu64 "  %s  %-10s %10" PRIu32 "%s", off,
	    h->seq, time_text(h->time, when), type_name(kind, h->type), h->len,
	    ok ? "" : "  DAMAGED");
	if (ok && h->type == JOURNAL_TYPE_COMMIT && h->len == COMMIT_BYTES &&
	    io_pread_all(fd, raw, sizeof raw, off + REC_HEADER) == RC_OK &&
	    commit_decode(sv_of(raw, sizeof raw), &c) == RC_OK)
		printf("  of %" PRIu32 ", flushed to %" PRIu64 "%s", c.count,
		    c.flushed, (c.flags & COMMIT_CLEAN) != 0 ? ", clean" : "");
	if (ok && (h->flags & JOURNAL_ELSEWHERE) != 0 && h->len == REF_BYTES) {
		char place[REF_BYTES];

		if (io_pread_all(fd, place, sizeof place, off + REC_HEADER) ==
			RC_OK &&
		    body_ref_decode(sv_of(place, sizeof place), &ref) ==
			RC_OK) {
			body_name(ref.name, name);
			printf("  %" PRIu64 " bytes in %s", ref.size, name);
		}
	}
	if (ok && memcmp(kind, "mail", 4) == 0 && h->type == TYPE_VERDICT)
		print_verdict(fd, off, h);
	putchar('\n');
}

static int
dump_segment(int fd, const char *head, uint64_t size)
{
	struct seg_header s;
	uint64_t off = SEG_HEADER, lost = 0;
	char when[32], raw[REC_HEADER];
	int r = seg_header_decode(head, &s);

	if (r != RC_OK)
		return command_fail("debug", EXIT_FAILED,
		    r == RC_NOSUPPORT ? "a segment of a newer version"
				      : "both copies of the segment's header "
					"are damaged");
	printf("segment %" PRIu32 " of a %.4s journal, epoch %016" PRIx64
	       ", made %s\nbehind segment %" PRIu32 ", first sequence number "
	       "%" PRIu64 "%s\n\n%10s  %8s  %-20s  %-10s %10s\n",
	    s.number, s.kind, s.epoch, time_text(s.time, when), s.prev,
	    s.first_seq, s.compacted ? ", compacted" : "", "offset", "sequence",
	    "time", "type", "bytes");
	while (off + REC_HEADER <= size &&
	       io_pread_all(fd, raw, sizeof raw, off) == RC_OK) {
		struct rec_header h;

		r = rec_header_decode(raw, s.key, &h);
		if (r == RC_EOF)
			break; /* zeros: the end */
		if (r != RC_OK || rec_bytes(h.len) > size - off) {
			lost += REC_ALIGN;
			off += REC_ALIGN;
			continue;
		}
		if (lost > 0)
			printf("%10" PRIu64 "  DAMAGED: %" PRIu64
			       " bytes that are not a record\n",
			    off - lost, lost);
		lost = 0;
		print_record(fd, off, s.kind, &h);
		off += rec_bytes(h.len);
	}
	if (lost > 0)
		printf("%10" PRIu64 "  DAMAGED: %" PRIu64
		       " bytes at the end that are not a record\n",
		    off - lost, lost);
	rangeset_fini(&s.replaces);
	return EXIT_FINE;
}

static void
print_entries(int fd, uint64_t off, uint32_t n)
{
	char raw[TOC_ENTRY];
	uint32_t i;

	for (i = 0; i < n; i++) {
		struct toc_entry e;

		if (io_pread_all(fd, raw, sizeof raw,
			off + (uint64_t)i * TOC_ENTRY) != RC_OK)
			return;
		toc_entry_decode(raw, &e);
		printf("%8" PRIu64 "  at %10" PRIu64 "  %10" PRIu32 " bytes",
		    e.seq, e.off, e.len);
		if (e.note_len != TOC_NO_NOTE)
			printf(", a note of %" PRIu32, e.note_len);
		putchar('\n');
	}
}

static int
dump_toc(int fd, const char *head, uint64_t size)
{
	uint64_t off = TOC_HEAD;
	char raw[TOC_BLOCK];

	printf("table of contents of segment %" PRIu32 ", epoch %016" PRIx64
	       "\n",
	    be_get32(head + 12), be_get64(head + 16));
	while (off + TOC_BLOCK <= size &&
	       io_pread_all(fd, raw, sizeof raw, off) == RC_OK &&
	       memcmp(raw, "TBLK", 4) == 0) {
		uint32_t n = be_get32(raw + 4), notes = be_get32(raw + 32);

		printf("\nblock at %" PRIu64 ": %" PRIu32
		       " entries, stands for the segment up to %" PRIu64 "\n",
		    off, n, be_get64(raw + 24));
		if ((uint64_t)n * TOC_ENTRY + notes > size - off - TOC_BLOCK) {
			puts("DAMAGED: longer than the file");
			break;
		}
		print_entries(fd, off + TOC_BLOCK, n);
		off += TOC_BLOCK + (uint64_t)n * TOC_ENTRY + notes;
	}
	return EXIT_FINE;
}

static void
dump_state(const char *head, uint64_t size)
{
	bool ok =
	    be_get32(head + STATE_HEAD - 4) == crc32c(0, head, STATE_HEAD - 4);

	printf("checkpoint, version %" PRIu32 "%s\nepoch %016" PRIx64
	       "\ncovers the log up to sequence number %" PRIu64
	       ", segment %" PRIu32 ", offset %" PRIu64 "\n%" PRIu64
	       " bytes of message tables (%" PRIu32 " each), %" PRIu64
	       " of mailboxes and the rest; the file has %" PRIu64 "\n",
	    be_get32(head + 8), ok ? "" : " (DAMAGED: its checksum is wrong)",
	    be_get64(head + 16), be_get64(head + 24), be_get32(head + 40),
	    be_get64(head + 32), be_get64(head + 48), be_get32(head + 44),
	    be_get64(head + 64), size);
}

int
dump_file(int fd)
{
	char head[SEG_HEADER] = {0};
	struct stat st;
	uint64_t size;

	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return command_fail("debug", EXIT_FAILED, "not a regular file");
	size = (uint64_t)st.st_size;
	if (size < TOC_HEAD ||
	    io_pread_all(fd, head,
		size < sizeof head ? (size_t)size : sizeof head, 0) != RC_OK)
		return command_fail("debug", EXIT_FAILED, "too short");
	if (memcmp(head, "hmjtoc\r\n", 8) == 0)
		return dump_toc(fd, head, size);
	if (memcmp(head, "hmstate\n", 8) == 0 && size >= STATE_HEAD) {
		dump_state(head, size);
		return EXIT_FINE;
	}
	return dump_segment(fd, head, size);
}
