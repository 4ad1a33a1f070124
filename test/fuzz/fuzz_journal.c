/*
 * A segment as the disk may give it back.  The input is a row of pieces: a
 * byte that says what comes, then a record of the right form (with or without
 * a wrong checksum), raw bytes, or a cut.  A journal that opens at all must
 * replay, be appended to, and open again.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <sodium.h>

#include "base/log.h"
#include "journal/crc32c.h"
#include "journal/format.h"
#include "journal/journal.h"
#include "test/fault/testdisk.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
ignore(void *arg, const struct journal_record *r)
{
	uint64_t *sum = arg;

	for (size_t i = 0; i < r->payload.n; i++)
		*sum += (unsigned char)r->payload.p[i];
	return RC_OK;
}

struct wire_in {
	const uint8_t *p;
	size_t n;
};

static void
record(struct buf *out, struct wire_in *in, uint8_t op,
    const unsigned char key[SEG_KEY])
{
	struct rec_header h = {.type = op & 2 ? 1 : (uint16_t)(16 + (op >> 4))};
	char raw[REC_HEADER], zero[8] = {0};
	size_t take;

	if (in->n < 4)
		return;
	h.flags = in->p[0] & 3;
	h.seq = in->p[1];
	h.len = in->p[2];
	take = in->p[3];
	in->p += 4;
	in->n -= 4;
	if (h.len > in->n)
		h.len = (uint32_t)in->n;
	if (op & 2 && in->n >= 16 && take & 1)
		h.len = 16;
	h.crc = crc32c(0, in->p, h.len) ^ (op & 4 ? 1 : 0);
	h.decoded_len = h.len;
	rec_header_encode(&h, key, raw);
	buf_add(out, raw, sizeof raw);
	buf_add(out, in->p, h.len);
	buf_add(out, zero, (size_t)rec_bytes(h.len) - REC_HEADER - h.len);
	in->p += h.len;
	in->n -= h.len;
}

static void
build(const uint8_t *p, size_t n, struct buf *out)
{
	struct seg_header h = {.kind = {'f', 'u', 'z', 'z'},
	    .number = 1,
	    .epoch = 1,
	    .key = "a key for fuzz",
	    .first_seq = 1};
	char raw[SEG_HEADER];
	struct wire_in in = {p, n};

	seg_header_encode(&h, raw);
	buf_add(out, raw, sizeof raw);
	while (in.n > 0) {
		uint8_t op = *in.p++;

		in.n--;
		if (op & 1) {
			record(out, &in, op, h.key);
		} else {
			size_t k = op < in.n ? op : in.n;

			buf_add(out, in.p, k);
			in.p += k;
			in.n -= k;
		}
	}
}

static bool
round_trip(struct testdisk *d)
{
	struct journal_opts o = {.io = testdisk_io(d),
	    .kind = {'f', 'u', 'z', 'z'},
	    .segment_bytes = 20000};
	struct journal_item it = {.type = 16,
	    .flags = JOURNAL_NAMED,
	    .payload = SV("new"),
	    .note = SV("note")};
	struct journal_report rep;
	struct journal *j = NULL;
	uint64_t sum = 0, seq;
	struct err err;
	char got[3];
	int fd = o.io->opendir(o.io, AT_FDCWD, ".", true);

	if (journal_open(fd, &o, &j, &err) != RC_OK)
		return false;
	if (journal_replay(j, NULL, ignore, &sum, &rep, &err) != RC_OK) {
		journal_close(&j);
		return false;
	}
	for (seq = 1; seq < 300; seq++)
		(void)!journal_read(j, seq, 0, got, 3);
	seq = journal_append(j, &it, 1);
	must(journal_flush(j, seq) == RC_OK);
	must(journal_read(j, seq, 0, got, 3) == RC_OK);
	must(memcmp(got, "new", 3) == 0);
	journal_close(&j);
	testdisk_kill(d);
	return true;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct testdisk *d = testdisk_new();
	struct buf b;

	must(sodium_init() >= 0);
	log_setup("fuzz", LOG_ERROR);
	buf_init(&b, 64u << 20);
	build(p, n, &b);
	testdisk_put(d, "log", "000001", b.p, b.n);
	if (round_trip(d))
		must(round_trip(d));
	buf_fini(&b);
	testdisk_free(&d);
	return 0;
}
