/*
 * The state in a snapshot record: anything is decoded or refused, and what was
 * decoded is encoded to something that can be decoded and holds as much.  (But
 * for deliveries, of which old ones are forgotten by the way.)
 */
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "store/store_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct store st = {.dirfd = -1};
	size_t mailboxes, tombstones;
	struct buf b;

	log_setup("fuzz", LOG_ERROR);
	buf_init(&b, 64u << 20);
	if (snapshot_decode(&st, sv_of((const char *)p, n)) == RC_OK) {
		mailboxes = st.nmailbox;
		tombstones = st.ntombstone;
		snapshot_encode(&st, &b);
		must(snapshot_decode(&st, buf_sv(&b)) == RC_OK);
		must(st.nmailbox == mailboxes && st.ntombstone == tombstones);
	}
	store_state_reset(&st);
	buf_fini(&b);
	return 0;
}
