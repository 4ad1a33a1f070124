/* Whole records, encoded behind one another. */
#include <string.h>

#include "base/clk.h"
#include "journal/crc32c.h"
#include "journal/journal_priv.h"

void
record_put(struct buf *b, const struct rec_header *h,
    const unsigned char key[SEG_KEY], struct sv payload)
{
	size_t n = (size_t)rec_bytes(payload.n);
	char *p = buf_reserve(b, n);

	must(p != NULL);
	rec_header_encode(h, key, p);
	if (payload.n > 0)
		memcpy(p + REC_HEADER, payload.p, payload.n);
	memset(p + REC_HEADER + payload.n, 0, n - REC_HEADER - payload.n);
	buf_added(b, n);
}

void
commit_put(struct buf *b, const struct commit *c, uint64_t seq,
    const unsigned char key[SEG_KEY])
{
	char payload[COMMIT_BYTES];
	struct rec_header h = {.type = JOURNAL_TYPE_COMMIT,
	    .len = COMMIT_BYTES,
	    .decoded_len = COMMIT_BYTES,
	    .seq = seq,
	    .time = (uint64_t)clk_now()};

	commit_encode(c, payload);
	h.crc = crc32c(0, payload, sizeof payload);
	record_put(b, &h, key, sv_of(payload, sizeof payload));
}
