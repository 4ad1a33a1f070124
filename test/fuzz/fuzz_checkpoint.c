/*
 * The store's checkpoint with all its checksums right and anything in it: two
 * bytes say how many messages the tables hold, then come the rest and the
 * tables' bytes.  What loads must encode.
 */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/be.h"
#include "base/log.h"
#include "journal/crc32c.h"
#include "store/store_priv.h"
#include "test/fault/testdisk.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

#define HEAD	   128
#define TABLES_OFF 4096

static void
build(const uint8_t *p, size_t n, struct buf *out)
{
	size_t tables = (be_get16(p) % 64) * sizeof(struct msg);
	uint32_t order = 0x01020304;
	struct sv meta;
	char *q;

	p += 2;
	n -= 2;
	if (tables > n)
		tables = n / sizeof(struct msg) * sizeof(struct msg);
	meta = sv_of(p + tables, n - tables);
	q = buf_reserve(out, TABLES_OFF + n);
	memset(q, 0, TABLES_OFF);
	memcpy(q + TABLES_OFF, p, n);
	memcpy(q, "hmstate\n", 8);
	be_put32(q + 8, CHECKPOINT_VERSION);
	memcpy(q + 12, &order, 4);
	be_put64(q + 16, 1);
	be_put32(q + 44, sizeof(struct msg));
	be_put64(q + 48, tables);
	be_put32(q + 56, crc32c(0, p, tables));
	be_put32(q + 60, crc32c(0, meta.p, meta.n));
	be_put64(q + 64, meta.n);
	be_put32(q + HEAD - 4, crc32c(0, q, HEAD - 4));
	buf_added(out, TABLES_OFF + n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct testdisk *d;
	struct store st = {.dirfd = -1};
	struct journal_mark mark;
	struct buf b;

	if (n < 2)
		return 0;
	log_setup("fuzz", LOG_ERROR);
	d = testdisk_new();
	buf_init(&b, 64u << 20);
	build(p, n, &b);
	testdisk_put(d, ".", "state", b.p, b.n);
	st.io = testdisk_io(d);
	st.dirfd = st.io->opendir(st.io, AT_FDCWD, ".", true);
	if (checkpoint_load(&st, &mark) == RC_OK) {
		buf_reset(&b);
		checkpoint_encode(&st, &mark, &b);
	}
	store_state_reset(&st);
	buf_fini(&b);
	testdisk_free(&d);
	return 0;
}
